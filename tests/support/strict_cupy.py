"""A stand-in for CuPy that computes with NumPy, and refuses whatever CuPy refuses or silently does slowly.

    python -m pytest -p strict_cupy ...      with MINIGAN_BACKEND=cupy and tests/support on the path

- a NumPy array as an operand, an index or a value to assign: TypeError, as in CuPy;
- float(array), bool(array), int(array), array.get(), iteration: counted, and refused inside `no_host_reads()`, because
  on a GPU each of them waits for the device;
- float32 with a float64 array: refused, because the float64 result would be silent and slow (adding into an existing
  array keeps that array's dtype, and is allowed);
- every operation for which CuPy would launch a kernel is counted in `launches`;
- RawModule runs the real CUDA kernels under an emulator (cuda_emulator.py), and checks their arguments;
- between begin_capture() and end_capture(), launches on the stream are recorded instead of run, and the graph replays
  them; host reads, uploads, synchronization and CuPy's own matrix products are refused there, as on a GPU;
- streams are current for one thread each, and work on a second stream is refused unless it is ordered with the first.
"""

import sys
import threading
import types
from contextlib import contextmanager

import cuda_emulator
import numpy as np

MULTIPROCESSORS = 6  # of the imaginary device: few, so that the emulator runs few blocks at the same time

launches = 0
host_reads = 0
_reading_allowed = True


@contextmanager
def no_host_reads():
    """Inside, reading a device value on the host is an error."""
    global _reading_allowed
    _reading_allowed = False
    try:
        yield
    finally:
        _reading_allowed = True


# --- streams ---------------------------------------------------------------------------------------------------


class Stream:
    """A stream: launches in `with stream:` are on it, in the thread that entered it.

    The default stream, Stream.null, is ordered with every stream except non-blocking ones; other streams are not
    ordered with each other.
    """

    null: "Stream"

    def __init__(self, non_blocking=False):
        self.non_blocking = non_blocking
        self.recording = None  # the launches recorded so far, while the stream is capturing

    def __enter__(self):
        _thread().streams.append(self)
        return self

    def __exit__(self, *_):
        _thread().streams.pop()

    def use(self):
        _thread().streams[-1] = self

    def synchronize(self):
        global last_stream
        refuse_in_capture("a synchronization")
        if last_stream is self:
            last_stream = None

    def begin_capture(self):
        global capturing
        if self is Stream.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        refuse_in_capture("a second capture")
        capturing, self.recording = self, []

    def end_capture(self):
        global capturing
        graph, self.recording, capturing = Graph(self.recording), None, None
        return graph

    def is_ordered_with(self, other):
        """Whether work on the two streams runs in the order in which it is launched."""
        blocking = not (self.non_blocking or other.non_blocking)
        return self is other or (blocking and Stream.null in (self, other))


Stream.null = Stream()
capturing = None  # the stream that is capturing
last_stream = None  # the stream of the last launch, until the host has waited for it
_threads = threading.local()


def _thread():
    """What belongs to this thread: its current streams, the innermost last."""
    if not hasattr(_threads, "streams"):
        _threads.streams = [Stream.null]
    return _threads


def get_current_stream():
    return _thread().streams[-1]


def put_in_order():
    """Note a launch on the current stream. Refuses one that nothing orders after the launch before it."""
    global last_stream
    stream = get_current_stream()
    if capturing is not None and stream is Stream.null and not capturing.non_blocking:
        raise RuntimeError("cudaErrorStreamCaptureImplicit: work on the default stream while a stream is capturing")
    if last_stream is not None and not stream.is_ordered_with(last_stream):
        raise AssertionError("work on two streams that nothing orders: it would run at the same time")
    last_stream = stream


def recording():
    """The launches recorded so far, if the current stream is capturing, otherwise None."""
    return get_current_stream().recording


def refuse_in_capture(what):
    if capturing is not None:
        raise RuntimeError(f"{what} while the stream is capturing")


class Graph:
    def __init__(self, actions):
        self.actions = actions

    def launch(self):
        put_in_order()
        for action in self.actions:
            action()


class Device:
    attributes = {"MultiProcessorCount": MULTIPROCESSORS}  # noqa: RUF012

    def synchronize(self):
        global last_stream
        refuse_in_capture("a synchronization")
        last_stream = None


class MemoryPool:
    malloc = None


@contextmanager
def using_allocator(malloc):
    yield


# --- arrays ----------------------------------------------------------------------------------------------------


class ndarray:
    """An array on the imaginary device."""

    __array_ufunc__ = None  # numpy_array + device_array then calls our __radd__, which refuses it

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
        global host_reads, last_stream
        refuse_in_capture("a read of a device value")
        if not _reading_allowed:
            raise AssertionError("a device value was read on the host inside a step")
        host_reads += 1
        put_in_order()
        last_stream = None  # the host has waited
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
    """Launch what computes a new array; in a capture it is recorded, and the array holds nothing yet."""
    count(*operands)
    recorded = recording()
    with np.errstate(invalid="ignore" if recorded is not None else "warn"):  # an operand may hold nothing yet: NaN
        result = np.asarray(compute())
    if recorded is not None:
        result = np.array(result)
        recorded.append(lambda: np.copyto(result, compute()))
        forget(result)
    return ndarray(result)


def perform(action, *operands):
    """Launch what changes arrays in place; in a capture it is recorded, and nothing happens yet."""
    count(*operands)
    recorded = recording()
    if recorded is None:
        action()
    else:
        recorded.append(action)


def forget(array):
    """Fill fresh memory, which may hold anything, with NaN or 7, so that using it is noticed."""
    array.fill(np.nan if array.dtype.kind == "f" else 7)


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
    """Count one more launch; refuses NumPy operands, and float32 mixed with float64 arrays."""
    global launches
    launches += 1
    put_in_order()
    dtypes = {op._host.dtype for op in operands if isinstance(op, ndarray)}
    if {np.dtype("float32"), np.dtype("float64")} <= dtypes:
        raise TypeError("float32 and float64 arrays in one operation: the result would be float64, silently")
    for operand in operands:
        unwrap(operand)


# --- functions and operators -----------------------------------------------------------------------------------


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
    """zeros(shape, dtype) and the like: a launch without operands."""
    return lambda *arguments, **keywords: produce(lambda: numpy_function(*arguments, **keywords))


def empty(shape, dtype=float):
    """Memory alone: no launch."""
    array = np.empty(shape, dtype)
    forget(array)
    return ndarray(array)


def ascontiguousarray(a):
    """The array itself if it is contiguous, otherwise a copy."""
    return a if unwrap(a).flags.c_contiguous else produce(lambda: np.ascontiguousarray(a._host), a)


def asarray(a, dtype=None):
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype, copy=False)
    refuse_in_capture("an upload")
    put_in_order()
    return ndarray(np.array(a, dtype=dtype))  # a copy, as from the host to a device


def as_strided(x, shape, strides):
    return ndarray(np.lib.stride_tricks.as_strided(x._host, shape, strides))


def matmul(a, b, out):
    """A product by cuBLAS, of any size: counted, not computed."""
    refuse_in_capture("a matrix product by cuBLAS")
    count(a, b)


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


# --- kernels ---------------------------------------------------------------------------------------------------


class RawModule:
    """CUDA source code under the emulator. A kernel takes contiguous arrays and NumPy scalars, nothing else."""

    def __init__(self, code, options=()):
        assert code.isascii(), "CuPy writes the code to a file in the encoding of the locale"
        assert options[0] == "-std=c++17"
        self.library = cuda_emulator.library(code, tuple(options[1:]))

    def get_function(self, name):
        if name not in self.library.names:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        return Kernel(name, self.library)


class Kernel:
    max_dynamic_shared_size_bytes, preferred_shared_memory_carveout = 48 * 1024, -1

    def __init__(self, name, library):
        self.name, self.library = name, library

    def __call__(self, grid, block, arguments, shared_mem=0):
        if shared_mem > min(self.max_dynamic_shared_size_bytes, 227 * 1024):
            raise RuntimeError(f"{self.name}: {shared_mem} bytes of shared memory, more than it is set up for")
        for argument in arguments:
            if isinstance(argument, ndarray):
                if not argument.flags.c_contiguous:
                    raise TypeError(f"{self.name}: an array that is not contiguous")
            elif not isinstance(argument, np.generic):
                raise TypeError(f"{self.name}: expected arrays and NumPy scalars, got {type(argument)}")
        host = [unwrap(argument) for argument in arguments]
        perform(lambda: self.library.launch(self.name, grid, block, host, shared_mem))


def install():
    """Make `import cupy` give this module's array library."""
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
    cupy.cuda = types.SimpleNamespace(
        is_available=lambda: True,
        get_current_stream=get_current_stream,
        Stream=Stream,
        Device=Device,
        MemoryPool=MemoryPool,
        using_allocator=using_allocator,
        runtime=types.SimpleNamespace(
            getDeviceProperties=lambda number: {"name": b"imaginary GPU", "totalGlobalMem": 2**34},
            memGetInfo=lambda: (2**33, 2**34),
        ),
    )
    sys.modules["cupy"] = cupy


install()
