# SPDX-License-Identifier: Apache-2.0
"""The texts of the tiny models: what their tokenizers are trained on, what is embedded, which pairs are scored."""

# What the tokenizers are trained on.
CORPUS = """A small engine turns each sentence into a vector, and near vectors mean near sentences.
The reader opens the file, checks the header and maps the weights; nothing is copied.
She can't say what they've done, but we're sure it's fine and I'll go on.
Rain fell on the harbour while 27 boats waited for the morning of 1 March 2024.
Der Fluss trägt Schiffe übers Land, und größere Städte wachsen am Ufer.
Le garçon a mangé une crème brûlée près de la fenêtre, où le café était déjà froid.
El niño soñó con montañas, pingüinos y el corazón de una ciudad pequeña.
数据库里的向量很多。今天的天气很好。
猫が窓のそばで眠っている。
Кошка спит у окна, а собака бежит по улице.
def add(a, b):\n    return a + b  # two numbers
The windows of the attention slide along the text, a few tokens to the left and to the right.
Searching, searched, search: the searcher searches for the best of all results.
An unusual, unbelievable, uncomfortable and unwritten rule is an exception.""".split("\n")

TEXTS = [
    "",
    " ",
    "Hello",
    "The quick engine reads a small file.",
    "  leading, trailing   and  many spaces  ",
    "It's 123.45 dollars, isn't it? WE'LL see; they've 1000000 tokens!",
    "Café crème, naïve Größe, pingu\u0308ino",
    "Hello! @#$% 世界 🌍 猫が眠る",
    "Ｆｕｌｌ ｗｉｄｔｈ, the ﬁle, ½ and ① ™",
    "tab\tnew\nline\r\n\n  indented\u00a0space\u200b",
    "</s> <mask> [CLS] [MASK] <unk> <bos> are not only text",
    "The windows of the attention slide along the text, a few tokens to the left and to the right, while the reader opens "
    "the file, checks the header and maps the weights, and nothing is copied until the very last sentence is read.",
    "word " * 200,
    "x" * 120,
    "Кошка спит у окна",
]

# What is scored: short, unequal, either side or both longer than the cut, empty, special tokens' names, accents.
LONG = TEXTS[11]
PAIRS = [
    ["Who reads the file?", "The reader opens the file and checks the header."],
    ["Who reads the file?", "Rain fell on the harbour while 27 boats waited."],
    ["cat", "猫が窓のそばで眠っている。"],
    ["", ""],
    ["", "Hello"],
    ["Hello", ""],
    ["short", LONG],
    [LONG, "short"],
    [LONG, LONG[::-1]],
    ["word " * 19, "word " * 200],
    ["word " * 200, "word " * 18],
    ["x" * 120, "Größere Städte"],
    ["[SEP] </s> <mask>", "[CLS] is not only text"],
    ["Café crème, naïve Größe", "pingu\u0308ino ½ ﬁle"],
]
