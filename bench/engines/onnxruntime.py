# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: the model exported by torch (opset 17) and fused by ONNX Runtime's own optimiser for BERT; int8 is its dynamic
quantisation, a scale for each output channel of the weights."""
import json

from . import common

DTYPES = {"f32": "fused.onnx", "int8": "int8.onnx"}
PACKAGES = ["onnxruntime"]
_session = _tokenizer = None


def export(options):
    """model_dir -> prepared/model.onnx: ids, mask and types [batch, tokens] in, hidden states out. Also what OpenVINO reads."""
    path = options.prepared / "model.onnx"
    if path.exists():
        return path
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(options.model_dir), attn_implementation="eager").eval().float()
    names = ["input_ids", "attention_mask", "token_type_ids"]

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            given = dict(zip(names, (input_ids, attention_mask, token_type_ids)))
            return self.model(**given).last_hidden_state

    example = torch.tensor([[2, 7, 8, 3], [2, 7, 3, 0]])
    mask = (example > 0).long()
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]}
    part = path.with_suffix(".part")
    torch.onnx.export(Encoder(), (example, mask, torch.zeros_like(example)), str(part), opset_version=17, dynamo=False,
                      input_names=names, output_names=["last_hidden_state"], dynamic_axes=axes)
    part.rename(path)
    return path


def fuse(options):
    """model.onnx -> prepared/fused.onnx."""
    path = options.prepared / "fused.onnx"
    if path.exists():
        return path
    from onnxruntime.transformers import optimizer

    config = json.loads((options.model_dir / "config.json").read_text())
    fused = optimizer.optimize_model(str(export(options)), model_type="bert", num_heads=config["num_attention_heads"],
                                     hidden_size=config["hidden_size"])
    part = path.with_suffix(".part")
    fused.save_model_to_file(str(part))
    part.rename(path)
    return path


def prepare(options):
    fused, path = fuse(options), options.prepared / DTYPES[options.dtype]
    if path.exists():
        return
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    part = path.with_suffix(".part")
    quantize_dynamic(fused, part, per_channel=True, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    part.rename(path)


def load(options):
    global _session, _tokenizer
    import onnxruntime

    _tokenizer = common.tokenizer(options)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    _session = onnxruntime.InferenceSession(str(options.prepared / DTYPES[options.dtype]), settings,
                                            providers=["CPUExecutionProvider"])


def embed(texts):
    import numpy as np

    encoded = _tokenizer.encode_batch_fast(texts)
    ids = np.array([e.ids for e in encoded], dtype=np.int64)
    mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
    hidden = _session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
    return common.mean_pool(hidden, mask)
