# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime for the decoders that bench/models.py makes: the model exported by torch (opset 17, attention written out), last-token pooling inside;
ONNX Runtime fuses what it knows when it loads. int8 is its dynamic quantisation, a scale for each output channel of the weights."""
from . import common

DTYPES = {"f32": "decoder.onnx", "int8": "decoder-int8.onnx"}
PACKAGES = ["onnxruntime"]
_session = _tokenizer = None


def export(options):
    """model_dir -> prepared/decoder.onnx (weights beside it): ids and mask [batch, tokens] in, padded on the right; vectors [batch, size] out."""
    path = options.prepared / DTYPES["f32"]
    if path.exists():
        return path
    import onnx
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(options.model_dir), attn_implementation="eager").eval().float()

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            n = input_ids.shape[1]
            positions = torch.arange(n)
            seen = (positions[:, None] >= positions[None, :])[None, None] & attention_mask.bool()[:, None, None, :]
            bias = torch.where(seen, 0.0, torch.finfo(torch.float32).min)  # four dimensions: the model takes it as it is
            hidden = self.model(input_ids=input_ids, attention_mask=bias, position_ids=positions[None, :], use_cache=False).last_hidden_state
            last = attention_mask.sum(dim=1) - 1
            return hidden[torch.arange(input_ids.shape[0]), last]

    example = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}, "vectors": {0: "batch"}}
    plain = options.prepared / "decoder-plain.onnx"
    torch.onnx.export(Encoder(), (example, mask), str(plain), opset_version=17, dynamo=False, input_names=["input_ids", "attention_mask"],
                      output_names=["vectors"], dynamic_axes=axes)
    part = options.prepared / "decoder.part"
    onnx.save_model(onnx.load(str(plain)), str(part), save_as_external_data=True, location="decoder.weights")
    plain.unlink()
    part.rename(path)
    return path


def prepare(options):
    plain, path = export(options), options.prepared / DTYPES[options.dtype]
    if path.exists():
        return
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(plain, path, per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=True, op_types_to_quantize=["MatMul"],
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def load(options):
    global _session, _tokenizer
    import onnxruntime

    _tokenizer = common.tokenizer(options)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    _session = onnxruntime.InferenceSession(str(options.prepared / DTYPES[options.dtype]), settings, providers=["CPUExecutionProvider"])


def embed(texts):
    import numpy as np

    encoded = _tokenizer.encode_batch_fast(texts)
    ids = np.array([e.ids for e in encoded], dtype=np.int64)
    mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
    vectors = _session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
