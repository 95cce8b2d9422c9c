"""A stand-in for CuPy that computes with NumPy and refuses all that CuPy refuses, or would do slowly in silence.

    python -m pytest -p strict_cupy ...      with MINIGAN_BACKEND=cupy and tests/ on the path

- a NumPy array as an operand, an index, or a value to assign: TypeError, as in CuPy;
- float(array), bool(array), int(array), array.get(), iteration: counted, and refused inside `no_host_reads()`,
  because on a GPU each of them waits for the device;
- float32 with a float64 array: refused, because the float64 result would be silent and slow (adding into an
  array that is there keeps that array's dtype, and is allowed);
- every operation that CuPy would launch a kernel for is counted in `launches`;
- RawModule runs the real kernels of kernels.cu under an emulator (cuda_emulator.py), with arguments checked;
- between begin_capture() and end_capture() every launch is recorded instead of run, so that the graph can be replayed;
  host reads, uploads, synchronization and matrix products of CuPy's own are refused there, as on a GPU.
"""

import sys
import types
from contextlib import contextmanager

import cuda_emulator
import numpy as np

MULTIPROCESSORS = 6  # of the imaginary device: few, so that the emulator's blocks that wait for each other are few

launches = 0
recording = None  # the launches of a capture that is going on
host_reads = 0
_reading_allowed = True


@contextmanager
def no_host_reads():
    """Inside, any read of a device value on the host is an error."""
    global _reading_allowed
    _reading_allowed = False
    try:
        yield
    finally:
        _reading_allowed = True


class ndarray:
    """An array on the imaginary device."""

    __array_ufunc__ = None  # numpy_array + device_array comes to our __radd__, which refuses it

    def __init__(self, host):
        self._host = host

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    T = property(lambda self: ndarray(self._host.T))

    def __len__(self):
        return len(self._host)

    flags = property(
        lambda self: types.SimpleNamespace(
            c_contiguous=self._host.flags.c_contiguous, f_contiguous=self._host.flags.f_contiguous
        )
    )
    data = property(lambda self: types.SimpleNamespace(ptr=self._host.ctypes.data))
    itemsize = property(lambda self: self._host.itemsize)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def _read(self):
        global host_reads
        refuse_in_capture("a read of a device value")
        if not _reading_allowed:
            raise AssertionError("a device value was read on the host inside a step")
        host_reads += 1
        return self._host

    def get(self):
        return np.array(self._read(), order="K")

    def item(self):
        return self._read().item()

    def __float__(self):
        return float(self._read())

    def __int__(self):
        return int(self._read())

    def __bool__(self):
        return bool(self._read())

    def __iter__(self):
        self._read()
        return (ndarray(row) for row in self._host)

    # --- views, without a launch ---------------------------------------------------------------------------

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        view = self._host.reshape(shape)
        return ndarray(view) if np.shares_memory(view, self._host) else produce(lambda: self._host.reshape(shape), self)

    def transpose(self, *axes):
        return ndarray(self._host.transpose(*axes))

    def swapaxes(self, a, b):
        return ndarray(self._host.swapaxes(a, b))

    def __getitem__(self, index):
        index = unwrap_index(index)
        result = self._host[index]
        if isinstance(result, np.ndarray) and np.shares_memory(result, self._host):
            return ndarray(result)
        return produce(lambda: np.asarray(self._host[index]), self)

    # --- launches ------------------------------------------------------------------------------------------

    def __setitem__(self, index, value):
        value, index = unwrap(value), unwrap_index(index)
        perform(lambda: self._host.__setitem__(index, value), self)

    def fill(self, value):
        perform(lambda: self._host.fill(value), self)

    def copy(self):
        return produce(self._host.copy, self)

    def astype(self, dtype, copy=True):
        if not copy and self._host.dtype == np.dtype(dtype):
            return self
        return produce(lambda: self._host.astype(dtype), self)


def produce(compute, *operands):
    """Launch what makes a new array; in a capture it is recorded, and the array holds nothing yet."""
    count(*operands)
    with np.errstate(invalid="ignore" if recording is not None else "warn"):  # NaN, as long as there is nothing in it
        result = np.asarray(compute())
    if recording is not None:
        result = np.array(result)
        recording.append(lambda: np.copyto(result, compute()))
        forget(result)
    return ndarray(result)


def perform(action, *operands):
    """Launch what changes arrays in place; in a capture it is recorded, and nothing happens yet."""
    count(*operands)
    if recording is None:
        action()
    else:
        recording.append(action)


def forget(array):
    """Fresh memory holds anything: NaN, so that it is noticed."""
    array.fill(np.nan if array.dtype.kind == "f" else 7)


def refuse_in_capture(what):
    if recording is not None:
        raise RuntimeError(f"{what} while the stream is capturing")


def unwrap(value):
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {np.ndarray}: a NumPy array as an operand")
    if isinstance(value, (bool, int, float, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def unwrap_index(index):
    if isinstance(index, tuple):
        return tuple(unwrap_index(part) for part in index)
    if isinstance(index, (list, np.ndarray)):
        raise TypeError(f"a host index of type {type(index)}: it would be copied to the device")
    return index._host if isinstance(index, ndarray) else index


def count(*operands):
    """One more launch; refuses NumPy operands and float32 mixed with float64 arrays."""
    global launches
    launches += 1
    dtypes = {op._host.dtype for op in operands if isinstance(op, ndarray)}
    if {np.dtype("float32"), np.dtype("float64")} <= dtypes:
        raise TypeError("float32 and float64 arrays in one operation: the result would be float64, silently")
    for operand in operands:
        unwrap(operand)


def function(numpy_function):
    """The NumPy function on device arrays, or on a list of them; keyword arguments are axis, dtype and the like."""

    def call(*operands, **keywords):
        listed = isinstance(operands[0], list)
        arrays = operands[0] if listed else operands
        host = [unwrap(array) for array in arrays]
        out = keywords.pop("out", None)
        if out is not None:
            perform(lambda: numpy_function(*host, out=unwrap(out), **keywords), *arrays)
            return out
        return produce(lambda: numpy_function(*([host] if listed else host), **keywords), *arrays)

    return call


def creation(numpy_function):
    """zeros(shape, dtype) and its kind: a launch without operands."""
    return lambda *arguments, **keywords: produce(lambda: numpy_function(*arguments, **keywords))


def empty(shape, dtype=float):
    """Memory alone: no launch."""
    array = np.empty(shape, dtype)
    forget(array)
    return ndarray(array)


def ascontiguousarray(a):
    """The array itself, where it is contiguous."""
    return a if unwrap(a).flags.c_contiguous else produce(lambda: np.ascontiguousarray(a._host), a)


def method(numpy_method):
    return lambda self, *args, **keywords: produce(lambda: numpy_method(self._host, *args, **keywords), self)


def operator(name):
    def call(self, other):
        if "matmul" in name:
            refuse_in_capture("a matrix product by cuBLAS")
        host = unwrap(other)
        if name.startswith("__i"):
            perform(lambda: getattr(self._host, name)(host), self)
            return self
        return produce(lambda: getattr(self._host, name)(host), self, other)

    return call


class RawModule:
    """kernels.cu under the emulator. A kernel takes contiguous arrays and NumPy scalars, nothing else."""

    def __init__(self, code, options=()):
        assert code == cuda_emulator.KERNELS.read_text(encoding="utf-8")

    def get_function(self, name):
        return Kernel(name)


class Kernel:
    max_dynamic_shared_size_bytes, preferred_shared_memory_carveout = 48 * 1024, -1

    def __init__(self, name):
        self.name = name

    def __call__(self, grid, block, arguments, shared_mem=0):
        if shared_mem > min(self.max_dynamic_shared_size_bytes, 227 * 1024):
            raise RuntimeError(f"{self.name}: {shared_mem} bytes of shared memory, more than was asked for")
        for argument in arguments:
            if isinstance(argument, ndarray):
                if not argument.flags.c_contiguous:
                    raise TypeError(f"{self.name}: an array that is not contiguous")
            elif not isinstance(argument, np.generic):
                raise TypeError(f"{self.name}: expected arrays and NumPy scalars, got {type(argument)}")
        host = [unwrap(argument) for argument in arguments]
        perform(lambda: cuda_emulator.launch(self.name, grid, block, host, shared_mem))


def matmul(a, b, out):
    """A product by cuBLAS, of any size: counted, not computed."""
    refuse_in_capture("a matrix product by cuBLAS")
    count(a, b)


class Graph:
    def __init__(self, actions):
        self.actions = actions

    def launch(self):
        for action in self.actions:
            action()


class Stream:
    def __init__(self, non_blocking=False):
        self.non_blocking = non_blocking

    def use(self):
        global current_stream
        current_stream = self

    def synchronize(self):
        refuse_in_capture("a synchronization")

    def begin_capture(self):
        global recording
        assert self.non_blocking, "a blocking stream cannot be captured beside the default stream"
        refuse_in_capture("a second capture")
        recording = []

    def end_capture(self):
        global recording
        graph, recording = Graph(recording), None
        return graph


current_stream = Stream()


class MemoryPool:
    malloc = None


@contextmanager
def using_allocator(malloc):
    yield


for name in ("sum", "mean", "max", "min", "argmax"):
    setattr(ndarray, name, method(getattr(np.ndarray, name)))
for base in ("add", "sub", "mul", "truediv", "floordiv", "pow", "matmul"):
    for prefix in ("", "r", "i"):
        setattr(ndarray, f"__{prefix}{base}__", operator(f"__{prefix}{base}__"))
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ndarray, f"__{name}__", operator(f"__{name}__"))
ndarray.__neg__ = method(np.ndarray.__neg__)
ndarray.__abs__ = method(np.ndarray.__abs__)
ndarray.__hash__ = None


def asarray(a, dtype=None):
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype, copy=False)
    refuse_in_capture("an upload")
    return ndarray(np.array(a, dtype=dtype))  # a copy, as from the host to a device


def as_strided(x, shape, strides):
    return ndarray(np.lib.stride_tricks.as_strided(x._host, shape, strides))


def install():
    """Put this module's array library where `import cupy` finds it."""
    cupy = types.ModuleType("cupy")
    for name in "zeros ones arange".split():
        setattr(cupy, name, creation(getattr(np, name)))
    of_arrays = (
        "full_like ones_like zeros_like maximum minimum where exp log log1p sqrt square tanh abs "
        "stack concatenate subtract roll"
    )
    for name in of_arrays.split():
        setattr(cupy, name, function(getattr(np, name)))
    cupy.__version__ = "strict fake"
    cupy.ndarray, cupy.asarray, cupy.empty, cupy.ascontiguousarray = ndarray, asarray, empty, ascontiguousarray
    cupy.RawModule, cupy.matmul, cupy.empty_like = RawModule, matmul, lambda a: empty(a.shape, a.dtype)
    cupy.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))
    device = types.SimpleNamespace(attributes={"MultiProcessorCount": MULTIPROCESSORS})
    cupy.cuda = types.SimpleNamespace(
        is_available=lambda: True,
        get_current_stream=lambda: current_stream,
        Stream=Stream,
        Device=lambda: device,
        MemoryPool=MemoryPool,
        using_allocator=using_allocator,
        runtime=types.SimpleNamespace(
            getDeviceProperties=lambda number: {"name": b"imaginary GPU", "totalGlobalMem": 2**34},
            memGetInfo=lambda: (2**33, 2**34),
        ),
    )
    sys.modules["cupy"] = cupy


install()
