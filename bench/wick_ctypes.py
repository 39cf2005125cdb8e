# SPDX-License-Identifier: Apache-2.0
"""libwick through ctypes, for measuring and for the oracle tests: open a model, embed texts into a numpy array, ask for its facts.

The library is $WICK_LIB, else libwick.so (macOS: libwick.dylib) in $WICK_BUILD, else in build/. The structs mirror include/wick.h.
"""
import ctypes
import os
import pathlib
import sys

import numpy as np

_size = ctypes.c_size_t
_text = ctypes.c_char_p


class WickError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.message.decode()}: {error.where.decode()}: {error.mend.decode()}")
        self.code = error.code


class _Error(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("retriable", ctypes.c_bool), ("message", ctypes.c_char * 512),
                ("where", ctypes.c_char * 512), ("mend", ctypes.c_char * 256)]


class _ModelOptions(ctypes.Structure):
    _fields_ = [("size", _size), ("device", _text), ("strict_device", ctypes.c_bool), ("dtype", _text), ("cache_dir", _text),
                ("n_threads", ctypes.c_uint), ("max_seq_length", _size)]


class _EmbedOptions(ctypes.Structure):
    _fields_ = [("size", _size), ("normalize", ctypes.c_bool), ("truncate", ctypes.c_bool), ("dimensions", _size),
                ("truncate_side", ctypes.c_uint8)]


class _Usage(ctypes.Structure):
    _fields_ = [("total_tokens", ctypes.c_uint64), ("duration_ms", ctypes.c_double)]


class _ModelInfo(ctypes.Structure):
    _fields_ = [("size", _size), ("model", _text), ("path", _text), ("dimension", _size), ("max_tokens", _size),
                ("max_seq_length", _size), ("n_layers", _size), ("hidden_size", _size), ("n_heads", _size),
                ("intermediate_size", _size), ("vocab_size", _size), ("n_parameters", _size), ("architecture", _text),
                ("pooling", _text), ("dtype", _text), ("device", _text), ("tier", _text), ("n_threads", ctypes.c_uint),
                ("has_normalize", ctypes.c_bool)]


def library_path():
    name = "libwick.dylib" if sys.platform == "darwin" else "libwick.so"
    folder = os.environ.get("WICK_BUILD") or pathlib.Path(__file__).resolve().parents[1] / "build"
    return pathlib.Path(os.environ.get("WICK_LIB") or pathlib.Path(folder) / name)


def _library():
    path = library_path()
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: build it with `make`")
    lib = ctypes.CDLL(str(path))
    pointer = ctypes.c_void_p
    lib.wick_version.restype = _text
    lib.wick_model_open.argtypes = [_text, pointer, pointer, pointer]
    lib.wick_model_close.argtypes = [pointer]
    lib.wick_model_close.restype = None
    lib.wick_model_get_info.argtypes = [pointer, pointer]
    lib.wick_embed.argtypes = [pointer, pointer, pointer, _size, pointer, pointer, pointer, pointer]
    for name in ("wick_model_options_init_sized", "wick_embed_options_init_sized"):
        getattr(lib, name).argtypes = [pointer, _size]
        getattr(lib, name).restype = None
    return lib


def version():
    return _library().wick_version().decode()


class Model:
    def __init__(self, name, threads=0, dtype="f32", max_seq_length=0):
        self._lib = _library()
        self._handle = ctypes.c_void_p()
        self._error = _Error()
        options = _ModelOptions()
        self._lib.wick_model_options_init_sized(ctypes.byref(options), ctypes.sizeof(options))
        self._dtype = dtype.encode()
        options.dtype = self._dtype
        options.n_threads = threads
        options.max_seq_length = max_seq_length
        self._check(self._lib.wick_model_open(os.fsencode(str(name)), ctypes.byref(options), ctypes.byref(self._handle),
                                              ctypes.byref(self._error)))
        self._options = _EmbedOptions()
        self._lib.wick_embed_options_init_sized(ctypes.byref(self._options), ctypes.sizeof(self._options))
        self._usage = _Usage()
        self.dimension = self.info()["dimension"]

    def _check(self, code):
        if code:
            raise WickError(self._error)

    def embed(self, texts, normalize=False):
        """list of str -> float32 array [n_texts, dimension]."""
        raw = [text.encode() for text in texts]
        n = len(raw)
        out = np.empty((n, self.dimension), dtype=np.float32)
        self._options.normalize = normalize
        self._check(self._lib.wick_embed(self._handle, (_text * n)(*raw), (_size * n)(*map(len, raw)), n,
                                         ctypes.byref(self._options), out.ctypes.data, ctypes.byref(self._usage),
                                         ctypes.byref(self._error)))
        return out

    @property
    def total_tokens(self):
        """Tokens of the last embed()."""
        return self._usage.total_tokens

    def info(self):
        info = _ModelInfo(size=ctypes.sizeof(_ModelInfo))
        self._check(self._lib.wick_model_get_info(self._handle, ctypes.byref(info)))
        values = {name: getattr(info, name) for name, _ in _ModelInfo._fields_}
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}

    def close(self):
        self._lib.wick_model_close(self._handle)
        self._handle = ctypes.c_void_p()
