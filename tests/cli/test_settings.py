# SPDX-License-Identifier: Apache-2.0
"""Flags beat environment beats config file beats defaults."""
import json

import pytest


def info(wick, *arguments, **more):
    return json.loads(wick("info", "--json", *arguments, **more).stdout)


def test_info_of_the_mock(wick):
    known = info(wick, "--provider", "mock")
    assert known["provider"] == "mock" and known["dimension"] == 384 and known["config"] is None
    assert known["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert ("wick " + known["version"] + "\n").encode() == wick("--version").stdout
    page = wick("info", "--provider", "mock").stdout.decode()
    assert "dimension       384\n" in page and "provider        mock\n" in page


def test_config_file(wick):
    (wick.folder / "config.toml").write_text('[embedding]\nprovider = "mock"\nmodel = "some/model"\n')
    assert info(wick)["provider"] == "mock" and info(wick)["model"] == "some/model"
    assert info(wick)["config"].endswith("config.toml")
    assert info(wick, "--model", "other/model")["model"] == "other/model"
    other = wick.folder / "other.toml"
    other.write_text('[embedding]\nprovider = "mock"\nmodel = "third/model"\n')
    assert info(wick, env={"WICK_CONFIG": str(other)})["model"] == "third/model"
    other2 = wick.folder / "other2.toml"
    other2.write_text('[embedding]\nprovider = "mock"\nmodel = "fourth/model"\n')
    assert info(wick, "--config", "other2.toml", env={"WICK_CONFIG": str(other)})["model"] == "fourth/model"
    assert json.loads(wick("embed", "a").stdout)["model"] == "some/model"
    wick("similarity", "a", "b")
    assert b"Unknown provider: x" in wick("info", "--provider", "x", check=1).stderr


def test_config_in_the_users_folder(wick):
    (wick.folder / "xdg/wick").mkdir(parents=True)
    (wick.folder / "xdg/wick/config.toml").write_text('[embedding]\nprovider = "mock"\nmodel = "fifth/model"\n')
    assert info(wick, env={"XDG_CONFIG_HOME": str(wick.folder / "xdg")})["model"] == "fifth/model"


@pytest.mark.parametrize("content, said", [
    ('[embedding]\nprovidr = "mock"\n', "2"), ("[embedding\n", "1"), ("[embedding]\nmodel = 5\n", "2"),
])
def test_broken_config_names_the_line(wick, content, said):
    (wick.folder / "config.toml").write_text(content)
    done = wick("embed", "a", check=1)
    assert b"config.toml" in done.stderr and said in done.stderr.decode().replace("config.toml", "")


def test_config_that_is_not_there(wick):
    assert b"absent.toml" in wick("embed", "--config", "absent.toml", "a", check=1).stderr
    done = wick("embed", "--config", "absent.toml", "a", check=1)
    assert done.stdout == b"" and b"; name a file that is there and may be read" in done.stderr
    assert b"not a regular file (.); name a file" in wick("embed", "--config", ".", "a", check=1).stderr


def test_similarity_of_two(wick):
    done = wick("similarity", "--provider", "mock", "a", "a")
    assert done.stdout == b"1.0000\n"
    assert -1 <= float(wick("similarity", "--provider", "mock", "a", "b").stdout) < 0.9


def test_similarity_table(wick):
    texts = ["a", "世界 is wide", "bell \a tab \t", "a", "long " * 40]
    lines = wick("similarity", "--provider", "mock", *texts).stdout.decode().splitlines()
    assert lines[0].split() == ["1", "2", "3", "4", "5"]
    assert lines[1].startswith("1  a   ") and "1.0000" in lines[1]
    assert lines[2].startswith("2  世界 is wide  ")
    assert "\a" not in lines[3] and "\t" not in lines[3]
    assert "..." in lines[5]
    assert "Nearest to each other: 1 and 4 (1.0000)" in lines
    table = [[float(value) for value in line.split()[-5:]] for line in lines[1:6]]
    assert all(table[i][j] == table[j][i] for i in range(5) for j in range(5))
    # Wide characters take two columns: the numbers stand below each other all the same.
    assert len(lines[1]) == len(lines[2]) + 2 == len(lines[5])


def test_similarity_json(wick):
    reply = json.loads(wick("similarity", "--provider", "mock", "--json", "a", "b\n\"", "a").stdout)
    assert reply["texts"] == ["a", "b\n\"", "a"]
    matrix = reply["similarity"]
    assert [matrix[i][i] for i in range(3)] == [1, 1, 1] and matrix[0][2] == 1
    assert matrix[0][1] == matrix[1][0] == matrix[1][2] and abs(matrix[0][1]) < 0.9


def test_a_fallback_serves_the_same_model(wick, tiny):
    (wick.folder / "config.toml").write_text(f'[embedding]\nprovider = "mlx"\nfallback = "candle"\nmodel = "{tiny}"\n')
    done = wick("info", "--json")
    assert json.loads(done.stdout)["provider"] == "candle"
    assert b"provider mlx cannot be opened, candle serves in its place: MLX feature not enabled" in done.stderr
    own = wick("embed", "--provider", "candle", "--model", tiny, "a text", "--format", "f32").stdout
    assert wick("embed", "a text", "--format", "f32").stdout == own
    # The file's fallback belongs to the file's provider.
    assert b"MLX feature not enabled" in wick("embed", "--provider", "mlx", "a text", check=1).stderr
    assert info(wick, "--provider", "mock")["provider"] == "mock"


def test_a_fallback_to_other_vectors_is_refused(wick):
    (wick.folder / "config.toml").write_text('[embedding]\nprovider = "mlx"\nfallback = "mock"\n')
    assert b"mock cannot stand in for mlx" in wick("embed", "a text", check=1).stderr
