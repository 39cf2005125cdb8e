# SPDX-License-Identifier: Apache-2.0
"""What schemathesis is told beside openapi.json (tools/run-schemathesis.sh): what the model that is served here takes and gives, that a key is asked for, and which
refusals of well-formed requests are right. WICK_SERVED: the model as GET /api/v1/models lists it, in JSON; WICK_FOLDER: its folder."""
import copy
import json
import os
import pathlib

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData

SERVED = json.loads(os.environ["WICK_SERVED"])
TOKENS = json.loads((pathlib.Path(os.environ["WICK_FOLDER"]) / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
NAMES = [*SERVED["names"], "", None]  # an empty name is none

# What JSON allows and Wick's reader does not, in fields that no dialect has.
KNOWN = ("NUL byte in object key", "too big integer", "too big negative integer", "real number overflow")

# The kinds of models that a route is for; routes that are not here are for all.
VECTORS = ("/api/v1/embed", "/v1/embeddings", "/embeddings", "/embed", "/", "/invocations", "/similarity", "/api/embed", "/api/embeddings")
KINDS = dict.fromkeys(VECTORS, ("embedding",)) | {
    "/embed_all": ("embedding", "multi-vector"), "/embed_sparse": ("sparse",), "/rerank": ("reranker",), "/predict": ("reranker", "classifier")}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The description holds for any model; this is the one that is served."""
    raw_schema["security"] = [{"key": []}]
    for name, schema in raw_schema["components"]["schemas"].items():
        if name.endswith("Request") and name != "SwitchRequest":
            narrow_names(schema)
        if name != "DecodeRequest":  # it passes over ids that name no token; elsewhere they are errors
            narrow_ids(schema)
    narrow_embed(raw_schema["components"]["schemas"]["EmbedRequest"])
    narrow_show(raw_schema["components"]["schemas"]["OllamaShowRequest"])


def objects(node):
    """Every object of a schema that has properties."""
    if isinstance(node, list):
        for item in node:
            yield from objects(item)
    elif isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            yield node["properties"]
        for value in node.values():
            yield from objects(value)


def narrow_names(schema):
    values = {"model": NAMES, "prompt_name": [*SERVED["prompts"], None]}
    for properties in objects(schema):
        for key in values.keys() & properties.keys():
            properties[key] = {"enum": values[key]}
        if "dimensions" in properties and SERVED["max_dimensions"] > 0:
            properties["dimensions"]["maximum"] = SERVED["max_dimensions"]


def narrow_ids(node):
    if isinstance(node, list):
        for item in node:
            narrow_ids(item)
    elif isinstance(node, dict):
        if node.get("minimum") == 0 and node.get("maximum") == 2147483647:
            node["maximum"] = len(TOKENS) - 1
        for value in node.values():
            narrow_ids(value)


def narrow_embed(schema):
    """The dtype is the served one; ranges have as many values as vectors, for which a schema has no words: here whole vectors."""
    schema["properties"]["dtype"]["enum"] = [SERVED["dtype"], None]
    rows = schema["properties"]["ranges"]["items"]
    rows["minItems"] = rows["maxItems"] = max(SERVED["dimension"], 1)
    for case in schema["anyOf"]:
        if "ranges" in case.get("required", []):
            case["properties"]["dimensions"] = {"enum": [SERVED["dimension"], None]}


def narrow_show(schema):
    """name is looked at where there is no model, or an empty one."""
    schema["anyOf"] = [{"required": ["model"], "properties": {"model": {"type": "string", "minLength": 1}}},
                       {"properties": {"model": {"enum": ["", None]}, "name": {"enum": NAMES}}}]


def is_for(case):
    return case.operation.method.upper() != "POST" or SERVED["kind"] in KINDS.get(case.operation.path, (SERVED["kind"],))


def names_kind(case, response):
    """It is the refusal of a model of another kind, with the status that the dialect has for that."""
    status = 424 if "Text Embeddings Inference" in case.operation.tags else 400
    return response.status_code == status and b"the model is a" in response.content


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """In place of positive_data_acceptance, which cannot tell one 400 from another."""
    generation = case.meta.generation if case.meta else None
    if generation is None or not generation.mode.is_positive or response.status_code in (401, 403, 405):
        return
    if response.status_code == 404 and "{id}" in case.operation.path:
        return
    text = response.content.decode()
    if not is_for(case):
        if not names_kind(case, response) and not any(part in text for part in KNOWN):
            raise AssertionError(f"a model of another kind, but {response.status_code}: {text[:200]}")
    elif response.status_code >= 400 and not any(part in text for part in KNOWN):
        raise AssertionError(f"a valid request was refused with {response.status_code}: {text}")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Where the model is of another kind, that may be told before what is wrong with the request."""
    return is_for(case) or not isinstance(failure, AcceptedNegativeData) or not names_kind(case, response)
