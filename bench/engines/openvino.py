# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, from the same ONNX export as ONNX Runtime; its own compiler fuses."""
from . import common, onnxruntime

DTYPES = {"f32": "f32", "bf16": "bf16"}
PACKAGES = ["openvino"]
_request = _tokenizer = None


def prepare(options):
    onnxruntime.prepare(options)


def load(options, file="fused.onnx"):
    global _request, _tokenizer
    import openvino

    _tokenizer = common.tokenizer(options)
    compiled = openvino.Core().compile_model(str(options.prepared / file), "CPU", {
        "INFERENCE_PRECISION_HINT": DTYPES[options.dtype],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": options.threads,
    })
    _request = compiled.create_infer_request()


def embed(texts):
    import numpy as np

    encoded = _tokenizer.encode_batch_fast(texts)
    ids = np.array([e.ids for e in encoded], dtype=np.int64)
    mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
    result = _request.infer({"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}, share_inputs=True,
                            share_outputs=True)
    return common.mean_pool(result[0], mask)
