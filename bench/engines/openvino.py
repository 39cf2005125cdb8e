# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, from the same ONNX file as ONNX Runtime; its own compiler fuses. int8 is NNCF's post-training quantisation (SmoothQuant)."""
import json

from . import common, onnxruntime

DTYPES = {"f32": "f32", "bf16": "bf16", "int8": "f32"}  # int8: of what is not quantised
PACKAGES = ["openvino", "nncf"]
_request = _tokenizer = None


def _inputs(tokenizer, texts):
    import numpy as np

    encoded = tokenizer.encode_batch_fast(texts)
    ids = np.array([e.ids for e in encoded], dtype=np.int64)
    mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _file(options):
    return options.prepared / (f"nncf-{options.calibration.stem}.xml" if options.dtype == "int8" else "fused.onnx")


def prepare(options):
    fused, path = onnxruntime.fuse(options), _file(options)
    if path.exists():
        return
    import nncf
    import openvino

    tokenizer = common.tokenizer(options)
    texts = json.loads(options.calibration.read_text())
    quantized = nncf.quantize(openvino.Core().read_model(str(fused)), nncf.Dataset(texts, lambda text: _inputs(tokenizer, [text])),
                              model_type=nncf.ModelType.TRANSFORMER, preset=nncf.QuantizationPreset.MIXED, subset_size=len(texts))
    part = path.with_name("part-" + path.name)
    openvino.save_model(quantized, str(part), compress_to_fp16=False)
    part.with_suffix(".bin").rename(path.with_suffix(".bin"))
    part.rename(path)


def load(options):
    global _request, _tokenizer
    import openvino

    _tokenizer = common.tokenizer(options)
    compiled = openvino.Core().compile_model(str(_file(options)), "CPU", {
        "INFERENCE_PRECISION_HINT": DTYPES[options.dtype],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": options.threads,
    })
    _request = compiled.create_infer_request()


def embed(texts):
    inputs = _inputs(_tokenizer, texts)
    result = _request.infer(inputs, share_inputs=True, share_outputs=True)
    return common.mean_pool(result[0], inputs["attention_mask"])
