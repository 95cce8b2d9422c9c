"""Pickles like those of CIFAR-10 are read; no other pickle runs code, fills the memory or crashes the interpreter."""

import builtins
import codecs
import contextlib
import os
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.data.safe_pickle import loads
from minigan.errors import DataError

PIXELS = np.arange(0, 252, 42, dtype=np.uint8).reshape(2, 3)
RAW = PIXELS.tobytes()

# What Python 2 wrote for {"labels": [3, 9], "data": PIXELS} in each protocol.
PROTOCOL_2 = (
    b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x03K\te"
    b"U\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85q\x07U\x01bq\x08\x87q\t"
    b"Rq\n(K\x01K\x02K\x03\x86q\x0bcnumpy\ndtype\nq\x0cU\x02u1q\rK\x00K\x01\x87q\x0eRq\x0f"
    b"(K\x03U\x01|q\x10NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x11b\x89T\x06\x00\x00\x00" + RAW + b"q\x12tq\x13bu."
)
PROTOCOL_1 = (
    b"}q\x01(U\x06labelsq\x02]q\x03(K\x03K\te"
    b"U\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05(cnumpy\nndarray\nq\x06(K\x00tq\x07U\x01bq\x08tq\t"
    b"Rq\n(K\x01(K\x02K\x03tq\x0bcnumpy\ndtype\nq\x0c(U\x02u1q\rK\x00K\x01tq\x0eRq\x0f"
    b"(K\x03U\x01|q\x10NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x11bI00\nU\x06" + RAW + b"q\x12tq\x13bu."
)
PROTOCOL_0 = (
    b"(dp1\nS'labels'\np2\n(lp3\nI3\naI9\nas"
    b"S'data'\np4\ncnumpy.core.multiarray\n_reconstruct\np5\n(cnumpy\nndarray\np6\n(I0\ntp7\nS'b'\np8\ntp9\n"
    b"Rp10\n(I1\n(I2\nI3\ntp11\ncnumpy\ndtype\np12\n(S'u1'\np13\nI0\nI1\ntp14\nRp15\n"
    b"(I3\nS'|'\np16\nNNNI-1\nI-1\nI0\ntp17\nbI00\nS'\\x00*T~\\xa8\\xd2'\np18\ntp19\nbs."
)
BY_HAND = {"protocol 2": PROTOCOL_2, "protocol 1": PROTOCOL_1, "protocol 0": PROTOCOL_0}


def check(content):
    assert content[b"labels"] == [3, 9]
    assert content[b"data"].dtype == np.uint8
    np.testing.assert_array_equal(content[b"data"], PIXELS)


@pytest.mark.parametrize("protocol", BY_HAND)
def test_pickles_of_python_2_are_read(protocol):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy has renamed numpy.core
        check(pickle.loads(BY_HAND[protocol], encoding="bytes"))  # the pickles above are valid
    check(loads(BY_HAND[protocol], "file"))


@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickles_of_python_3_are_read(protocol, order):
    content = {b"labels": [3, 9], b"data": np.asarray(PIXELS, order=order), b"batch_label": b"\x00\xff"}
    loaded = loads(pickle.dumps(content, protocol=protocol), "file")
    check(loaded)
    assert loaded[b"batch_label"] == b"\x00\xff"


def test_an_array_is_a_view_of_the_file_content():
    content = pickle.dumps({b"data": np.zeros(10_000_000, np.uint8)}, protocol=2)
    tracemalloc.start()
    loads(content, "file")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(content)


# Hostile pickles


class Call:
    """Pickles as a call of function(*arguments)."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def refusal(raw):
    with pytest.raises(DataError) as refused:
        loads(raw, "evil_batch")
    message = str(refused.value)
    assert message.startswith("evil_batch: ")
    assert "\n" not in message
    return message


def calls(marker):
    """Pickles that create the file `marker` if the standard library loads them."""
    command = f"touch {marker}"
    python = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": pickle.dumps({b"data": Call(os.system, command)}, protocol=2),
        "builtins.eval": pickle.dumps({b"data": Call(builtins.eval, python)}, protocol=2),
        "builtins.exec": pickle.dumps(Call(builtins.exec, python), protocol=0),
        "nested": pickle.dumps({b"labels": [1, (2, [Call(os.system, command)])]}, protocol=2),
        "by hand": b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR.",
        "INST": b"(S'" + command.encode() + b"'\niposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\nS'" + command.encode() + b"'\no.",
        "object array": pickle.dumps({b"data": np.array([Call(os.system, command)], dtype=object)}, protocol=2),
        "protocol 4": pickle.dumps({b"data": Call(os.system, command)}, protocol=4),
        "protocol 5": pickle.dumps({b"data": Call(os.system, command)}, protocol=5),
        "dictionary key": b"}(cposix\nsystem\n(S'" + command.encode() + b"'\ntRI1\nu.",
        "before the end": b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR",
        "in a state": PROTOCOL_2.replace(
            b"\x89T\x06\x00\x00\x00" + RAW, b"\x89cposix\nsystem\n(S'" + command.encode() + b"'\ntR"
        ),
    }


@pytest.mark.parametrize("attack", calls("x"))
def test_no_pickle_runs_code(tmp_path, attack):
    marker = tmp_path / "marker"
    raw = calls(marker)[attack]
    message = refusal(raw)
    assert not marker.exists()
    if attack in ("protocol 4", "protocol 5", "INST"):
        assert "instruction" in message
    elif attack == "object array":
        assert "a call that does not occur in the official files" in message
    else:
        assert "refused 'posix.system'" in message or "refused '__builtin__.e" in message
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):  # whatever follows the call may fail
            pickle.loads(raw, encoding="bytes")
    assert marker.exists(), "the attack itself does not work"


REDUCE_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
BYTE = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (pickle.dumps({b"data": np.zeros(3)}, protocol=2), "a call that does not occur in the official files"),
        (pickle.dumps({b"data": np.array([None])}, protocol=2), "a call that does not occur in the official files"),
        (
            pickle.dumps({b"data": np.zeros(3, "u1,u1")}, protocol=2),
            "a call that does not occur in the official files",
        ),
        (
            pickle.dumps({b"data": Call(codecs.encode, "abc", "rot13")}, protocol=2),
            "text in another encoding",
        ),
        (pickle.dumps({b"data": Call(codecs.encode, "abc")}, protocol=2), "TypeError"),
        (b"cnumpy\nndarray\n(K\x09tR.", "a call that does not occur in the official files"),
        (b"(lI1\n(I2\ntR.", "a call that does not occur in the official files"),
        (b"}cnumpy\ndtype\n}U\x01aK\x01sb.", "a state for a str"),
        (b"}(U\x01aK\x01tb.", "a state for a dict"),
        (b"}" + REDUCE_ARRAY + b"}U\x05arrayK\x01sb.", "ValueError"),
        (b"}U\x01a" + REDUCE_ARRAY + b"(K\x01(K\x02tcnumpy\ndtype\nI00\nU\x02xxtbs.", "not uint8"),
        (b"}U\x01a" + REDUCE_ARRAY + b"(K\x01(J\xff\xff\xff\x7ft" + BYTE + b"I00\nU\x02xxtbs.", "ValueError"),
        (
            b"}U\x01a" + REDUCE_ARRAY + b"(K\x01(J\xff\xff\xff\x7fU\x01xt" + BYTE + b"I00\nU\x02xxtbs.",
            "a shape that is not of integers",
        ),
        (b"}U\x01a" + REDUCE_ARRAY + b"(K\x01(K\x02t" + BYTE + b"I00\n(lK\x01atbs.", "TypeError"),
        (b"Pos.system\n.", "instruction b'P'"),
        (b"K\x01Q.", "instruction b'Q'"),
        (b"\x82\x01.", "instruction b'\\x82'"),  # an instruction for copyreg's registry
        (b"cnumpy\nndarray\n)\x81.", "instruction b'\\x81'"),  # NEWOBJ
        (b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"x.", "instruction b'\\x96'"),  # BYTEARRAY8
        (b"}K\x01K\x01s.", "a key of type int"),
        (b"(K\x01K\x01d.", "a key of type int"),
        (b"}(K\x01K\x01u.", "a key of type int"),
        (b"R.", "IndexError"),
        (b"}h\x07.", "Error"),  # nothing is stored there
        (b"\x80\x63}.", "unsupported pickle protocol: 99"),
        (b"", "cut short"),
        (PROTOCOL_2[:-10], "cut short"),
        (b"(lI1\na.", "expected a dictionary, got list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_pickles_are_refused_with_the_reason(raw, problem):
    assert problem in refusal(raw)


def test_dotted_names_and_control_characters_do_not_hide_a_global():
    assert "refused 'numpy.ndarray.tofile'" in refusal(b"cnumpy\nndarray.tofile\n.")
    assert "refused 'numpy.ndarray.tofile'" in refusal(b"cnumpy.ndarray\ntofile\n.")
    assert "refused 'numpy.core.multiarray.scalar'" in refusal(b"cnumpy._core.multiarray\nscalar\n.")
    assert "refused '\\x1b[2J.x'" in refusal(b"c\x1b[2J\nx\n.")


def memory_of(raw):
    """The peak, in bytes, while the pickle is refused."""
    tracemalloc.start()
    try:
        refusal(raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_few_bytes_cannot_take_much_memory():
    assert memory_of(b"T\xff\xff\xff\x7fabc.") < 1e6  # claims to hold a string of 2 GB
    assert memory_of(b"X\xff\xff\xff\xffabc.") < 1e6
    assert memory_of(b"Nr\xff\xff\xff\xff.") < 1e6  # entry 4,294,967,295 of the memo
    long_text = b"X" + (10**5).to_bytes(4, "little") + b"x" * 10**5 + b"q\x01"
    again_and_again = b"c_codecs\nencode\nq\x02h\x01X\x06\x00\x00\x00latin1\x86R"
    assert "too often" in refusal(long_text + again_and_again + (b"h\x02" + again_and_again[18:]) * 1000 + b".")
    assert memory_of(long_text + again_and_again * 1000 + b".") < 5e6


def test_a_key_nested_too_deep_to_hash_is_refused():
    assert "a key of type tuple" in refusal(b"})" + b"\x85" * 10**6 + b"K\x01s.")


def loaded_or_refused(raw):
    try:
        return loads(raw, "file")
    except DataError as error:
        return str(error)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_a_dictionary(raw):
    result = loaded_or_refused(raw)
    assert isinstance(result, dict) or "\n" not in result


@settings(deadline=None)
@given(st.sampled_from(list(BY_HAND.values())), st.integers(0), st.integers(0, 255), st.booleans())
def test_an_altered_pickle_is_refused_or_contains_only_data(raw, position, byte, insert):
    position %= len(raw)
    altered = raw[:position] + bytes([byte]) + raw[position + (not insert) :]
    result = loaded_or_refused(altered)
    if isinstance(result, dict):
        for value in result.values():
            assert isinstance(value, (list, tuple, dict, bytes, str, int, np.ndarray, type(None)))
    else:
        assert "\n" not in result


@pytest.mark.parametrize("protocol", BY_HAND)
def test_a_pickle_cut_anywhere_is_refused(protocol):
    raw = BY_HAND[protocol]
    for length in range(len(raw)):
        refusal(raw[:length])
