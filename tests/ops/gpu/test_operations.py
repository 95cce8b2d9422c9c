"""The CUDA kernels against the readable operations: on a GPU, or under the emulator (see test_strict_cupy.py).

The shapes make the kernels take each of their branches: more rows and columns than a tile, split-K, channels that allow
copies of 16 bytes and channels that do not.
"""

import gc
import inspect
import math
import threading
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import convolutions, in_layout

from minigan import backend, data
from minigan.backend import asarray, to_numpy, xp
from minigan.ops import convolution, elementwise, normalization
from minigan.ops.geometry import conv_output_size, resolve_padding
from minigan.runs.config import Config
from minigan.training import loop

pytestmark = pytest.mark.skipif(backend.on_cpu, reason="the GPU's operations")
if not backend.on_cpu:
    from minigan.ops.gpu import launch, operations
    from minigan.ops.gpu.graph import GraphStep, step_stream

# Relative to the largest number of the result. tf32 keeps 10 bits of each factor's mantissa, bf16 keeps 7.
TOLERANCES = {"fp64": 1e-12, "fp32": 2e-5, "tf32": 2e-3, "bf16": 1.5e-2}
random = np.random.default_rng(0)


def close(actual, expected, tolerance=1e-12):
    actual, expected = to_numpy(actual), to_numpy(expected)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(1e-3, np.abs(expected).max(initial=0)))


@pytest.fixture(params=TOLERANCES)
def precision(request):
    previous = backend.precision
    backend.set_precision(request.param)
    yield request.param
    backend.set_precision(previous)


def test_operations_have_the_signatures_of_the_readable_ones():
    for module in (convolution, elementwise, normalization):
        for name, readable in inspect.getmembers(module, inspect.isfunction):
            if readable.__module__ == module.__name__ and hasattr(operations, name):
                assert inspect.signature(getattr(operations, name)) == inspect.signature(readable), name


def normal(*shape, dtype="float64"):
    return asarray(random.standard_normal(shape).astype(dtype))


# (batch, size, channels, out channels, kernel, stride, padding)
PRODUCTS = [
    (2, (8, 8), 4, 8, (4, 4), (2, 2), ((1, 1), (1, 1))),
    (3, (8, 8), 3, 5, (4, 4), (2, 2), ((1, 1), (1, 1))),  # channels that are not whole vectors of 16 bytes
    (20, (8, 8), 8, 72, (3, 3), (1, 1), ((1, 1), (1, 1))),  # more rows and columns than a tile
    (4, (4, 4), 40, 20, (4, 4), (2, 2), ((1, 1), (1, 1))),  # so deep that blocks share the depth: split-K
    (70, (8, 8), 3, 16, (4, 4), (2, 2), ((1, 1), (1, 1))),  # deep in the weight gradient
    (2, (7, 5), 4, 4, (3, 2), (2, 3), ((0, 1), (2, 0))),
    (2, (5, 6), 4, 4, (2, 2), (3, 3), ((0, 0), (0, 0))),  # pixels between the windows, which no tap reaches
]


@pytest.mark.parametrize("case", PRODUCTS, ids=str)
def test_products_agree_with_the_readable_ones(precision, case):
    n, size, channels, out_channels, kernel, stride, padding = case
    dtype = "float64" if precision == "fp64" else "float32"
    tolerance = TOLERANCES[precision]
    x, w = normal(n, *size, channels, dtype=dtype), normal(*kernel, channels, out_channels, dtype=dtype)
    dy = normal(n, *conv_output_size(size, kernel, stride, padding), out_channels, dtype=dtype)
    bias, bias_x = normal(out_channels, dtype=dtype), normal(channels, dtype=dtype)
    total = normal(*w.shape, dtype=dtype)
    close(operations.conv2d(x, w, stride, padding, bias), convolution.conv2d(x, w, stride, padding, bias), tolerance)
    close(
        operations.conv2d_grad_input(dy, w, size, stride, padding, bias_x),
        convolution.conv2d_grad_input(dy, w, size, stride, padding, bias_x),
        tolerance,
    )
    expected = convolution.conv2d_grad_weight(x, dy, kernel, stride, padding, total.copy())
    assert operations.conv2d_grad_weight(x, dy, kernel, stride, padding, total) is total
    close(total, expected, tolerance)


@given(layout=st.sampled_from(["C", "F", "every other", "reversed"]), c=convolutions())
def test_products_of_any_shape_agree(layout, c):
    padding = resolve_padding(c.padding, c.size, c.kernel_size, c.stride)
    x, w = (
        in_layout(random.standard_normal(shape), layout)
        for shape in ((c.batch, *c.size, c.in_channels), (*c.kernel_size, c.in_channels, c.out_channels))
    )
    y = convolution.conv2d(x, w, c.stride, padding)
    close(operations.conv2d(x, w, c.stride, padding), y)
    for name, arguments in (
        ("conv2d_grad_input", (y, w, c.size, c.stride, padding)),
        ("conv2d_grad_weight", (x, y, c.kernel_size, c.stride, padding)),
    ):
        close(getattr(operations, name)(*arguments), getattr(convolution, name)(*arguments))


@given(m=st.integers(1, 140), k=st.integers(1, 40), n=st.integers(1, 70), data=st.data())
def test_matrix_products_agree(m, k, n, data):
    a = normal(m, k) if data.draw(st.booleans()) else normal(k, m).T
    b = normal(k, n) if data.draw(st.booleans()) else normal(n, k).T
    bias = normal(n) if data.draw(st.booleans()) else None
    total = normal(m, n) if data.draw(st.booleans()) else None
    expected = elementwise.matmul(a, b, bias, None if total is None else total.copy())
    close(operations.matmul(a, b, bias, total), expected)


@given(groups=st.integers(1, 3), m=st.sampled_from([2, 3, 33, 300, 1200]), channels=st.sampled_from([1, 3, 32, 70]))
def test_batch_norm_and_its_gradient_agree(groups, m, channels):
    assume(groups * m * channels < 100_000)
    x, y, dy = normal(groups, m, channels) + 3, normal(groups, m, channels), normal(groups, m, channels)
    gamma, beta = normal(channels), normal(channels)
    running = [normal(channels), asarray(random.uniform(0.5, 2, channels))]
    for slope in (1, 0.2):
        updated = [[array.copy() for array in running] for _ in range(2)]
        (actual, statistics), (expected, expected_statistics) = (
            module.batch_norm(x, gamma, beta, *arrays, 1e-5, 0.1, slope)
            for module, arrays in zip((operations, normalization), updated, strict=True)
        )
        close(actual, expected, 1e-11)
        for pair in zip((*statistics, *updated[0]), (*expected_statistics, *updated[1]), strict=True):
            close(*pair, 1e-11)
    close(
        operations.normalize(x, statistics, gamma, beta, 0.2),
        normalization.normalize(x, statistics, gamma, beta, 0.2),
    )
    for train in (True, False):
        for activation in (None, (y, 0.2)):
            sums = [(normal(channels) * 0 + 1, normal(channels) * 0) for _ in range(2)]
            dx, expected = (
                module.batch_norm_grad(x, dy, statistics, gamma, train, activation, pair)
                for module, pair in zip((operations, normalization), sums, strict=True)
            )
            close(dx, expected, 1e-10)
            for actual, wanted in zip(*sums, strict=True):
                close(actual, wanted, 1e-11)
    assert operations.batch_norm_grad(x, dy, statistics, gamma, input_grad=False) is None


def test_batch_norm_far_from_zero_does_not_cancel():
    """Sums about the first row do not cancel, even in float32 with a mean of a thousand standard deviations."""
    x = random.standard_normal((1, 2000, 5)) + 1000
    running = xp.zeros(5, "float32"), xp.ones(5, "float32")
    one = xp.ones(5, "float32")
    _, (mean, inv_std) = operations.batch_norm(asarray(x.astype("float32")), one, one, *running, 0.0, 0.1)
    rounded = x.astype("float32").astype("float64")
    np.testing.assert_allclose(to_numpy(mean)[0], rounded[0].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(to_numpy(inv_std)[0], 1 / rounded[0].std(axis=0), rtol=1e-4)


@given(m=st.integers(1, 1200), channels=st.integers(1, 40))
def test_sums_of_rows_agree(m, channels):
    rows, total = normal(m, channels), normal(channels)
    close(operations.sum_rows(rows), elementwise.sum_rows(rows), 1e-11)
    expected = elementwise.sum_rows(rows, total.copy())
    close(operations.sum_rows(rows, total), expected, 1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_elementwise_operations_agree(dtype):
    tolerance = 1e-6 if dtype == "float32" else 1e-13
    x, y, t = (normal(37, 11, dtype=dtype) for _ in range(3))
    for name, arguments in (
        ("leaky_relu", (x, 0.2)),
        ("leaky_relu_grad", (y, x, 0.2)),
        ("tanh", (x,)),
        ("tanh_grad", (y, x)),
        ("bce_with_logits", (x, t)),
        ("bce_with_logits", (x * 30, 1)),
        ("least_squares", (x, t)),
        ("least_squares", (x, -1.5)),
    ):
        actual, expected = getattr(operations, name)(*arguments), getattr(elementwise, name)(*arguments)
        for a, e in zip(actual, expected, strict=True) if isinstance(expected, tuple) else [(actual, expected)]:
            close(a, e, tolerance)


@pytest.mark.parametrize("logistic", [True, False])
def test_discriminator_metrics_agree(logistic):
    real, fake = normal(300, 1, dtype="float32"), normal(5, 1, dtype="float32")
    totals = [xp.ones(4) for _ in range(2)]
    for module, total in zip((operations, elementwise), totals, strict=True):
        module.add_discriminator_metrics(total, real, fake, logistic, 0.5)
    close(*totals, 1e-6)


@pytest.mark.parametrize("scaling", [(), (1 / 255, 0)], ids=["from -1 to 1", "from 0 to 1"])
def test_batches_of_images_agree(scaling):
    images = asarray(random.integers(0, 256, (10, 4, 3, 2)).astype("uint8"))
    order = asarray(random.permutation(10))
    cursors = [xp.zeros(1, "int64") for _ in range(2)]
    for _ in range(3):
        batches = [
            module.next_images(images, order, cursor, 3, "float32", *scaling)
            for module, cursor in zip((operations, elementwise), cursors, strict=True)
        ]
        close(*batches, 1e-6)
    assert to_numpy(cursors[0])[0] == 9


def test_three_steps_of_adam_agree():
    start = [
        random.standard_normal(1000),
        random.standard_normal(1000),
        random.standard_normal(1000) / 10,
        random.random(1000),
    ]
    states = [[*(asarray(array) for array in start), xp.zeros(())] for _ in range(2)]
    for _ in range(3):
        for module, state in zip((operations, elementwise), states, strict=True):
            module.adam_update(*state, asarray(np.array(1e-3)), (0.5, 0.999), 1e-8)
    for actual, expected in zip(*states, strict=True):
        close(actual, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_numbers_are_those_of_numpy(dtype):
    """The stream on the device against NumPy's Philox: uniform numbers bit for bit, normal ones up to rounding."""
    stream = backend.RandomStream(5)
    key = np.random.SeedSequence(5).generate_state(2, np.uint64)
    raw = np.random.Philox(key=key).random_raw(12)
    expected = (raw[:10] >> np.uint64(40)) * 2.0**-24
    np.testing.assert_array_equal(to_numpy(stream.uniform((2, 5), dtype)).ravel(), expected.astype(dtype))
    state = stream.state()
    first = to_numpy(stream.normal((1001,), dtype))
    u, v = ((np.random.Philox(key=key, counter=3).random_raw(1004) >> np.uint64(11)) + np.uint64(1)).reshape(
        -1, 2
    ).T * 2.0**-53
    v -= 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * math.pi * v
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:1001]
    np.testing.assert_allclose(first, expected, rtol=1e-6 if dtype == "float32" else 1e-12, atol=1e-12)
    stream.restore(state)
    np.testing.assert_array_equal(to_numpy(stream.normal((1001,), dtype)), first)


def trainer(graph, **settings):
    config = Config(**{"batch_size": 8, "width": 4, "latent_dim": 16, "epochs": 1} | settings)
    return loop.make_trainer(config, data.load("shapes", count=32), graph=graph)


def assert_same_state(actual, expected):
    """Two trainers have the same weights, moments, statistics and counters, bit for bit."""
    for name, part in expected.state.items():
        state = actual.state[name].state_dict()
        for key, array in part.state_dict().items():
            np.testing.assert_array_equal(state[key], array, err_msg=f"{name}.{key}")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"discriminator_steps": 2},
        {"generator_steps": 2, "ema": 0.9},
        {"objective": "least-squares"},
        {"precision": "tf32"},
        {"model": "cgan", "ema": 0.9, "flip": True},
        {"model": "convolutional-gan"},
        {"model": "classifier"},
    ],
)
def test_a_graph_computes_the_same_as_kernel_by_kernel(settings):
    """Replay after replay, past the end of an epoch: weights, moments, statistics, metrics, counters, bit for bit."""
    runs = []
    for graph in (False, True):
        runs.append(trainer(graph, **settings))
        for _ in range(5 if settings else 10):
            runs[-1].step()
    kernel_by_kernel, as_a_graph = runs
    assert as_a_graph.run_device_step.graph is not None
    assert_same_state(as_a_graph, kernel_by_kernel)
    assert kernel_by_kernel.read_metrics() == as_a_graph.read_metrics()
    assert to_numpy(kernel_by_kernel.batches.cursor) == to_numpy(as_a_graph.batches.cursor)
    backend.set_precision("fp32")


def test_a_graph_continues_from_a_loaded_checkpoint(tmp_path):
    """Arrays are loaded in place, where the recorded graph finds them."""
    from minigan.runs.folder import RunFolder

    run, folder = trainer(True), RunFolder.create(tmp_path / "run")
    for _ in range(4):
        run.step()
    run.save(folder)
    for _ in range(3):
        run.step()
    later = run.generator.state_dict()
    run.load(folder.latest_checkpoint())
    for _ in range(3):
        run.step()
    for name, array in run.generator.state_dict().items():
        np.testing.assert_array_equal(array, later[name], err_msg=name)


def test_a_step_that_cannot_be_recorded_runs_kernel_by_kernel():
    total = xp.zeros(1)

    def step():
        total.fill(float(to_numpy(total)[0]) + 1)

    step = GraphStep(step, warm_up=1)
    step()
    with pytest.warns(RuntimeWarning, match="cannot be recorded as a CUDA graph"):
        step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step()
    assert to_numpy(total)[0] == 3


def test_a_step_runs_on_its_own_stream_and_leaves_the_callers_current():
    before = xp.cuda.get_current_stream()
    streams, total = [], xp.zeros(1)

    def step():
        streams.append(xp.cuda.get_current_stream())
        operations.leaky_relu(total, 0.2)

    step = GraphStep(step)
    for _ in range(5):
        step()
        assert xp.cuda.get_current_stream() == before
    assert step.graph is not None
    assert streams == [step_stream()] * 3  # two to warm up, one recorded
    assert step_stream() != before


def test_a_failed_recording_leaves_the_callers_stream_current():
    before, total = xp.cuda.get_current_stream(), xp.zeros(1)
    step = GraphStep(lambda: to_numpy(total), warm_up=0)
    with pytest.warns(RuntimeWarning, match="cannot be recorded as a CUDA graph"):
        step()
    assert xp.cuda.get_current_stream() == before


@pytest.mark.parametrize("enabled", [True, False])
def test_recording_leaves_the_garbage_collector_as_it_was(enabled):
    total = xp.zeros(1)
    step = GraphStep(lambda: operations.leaky_relu(total, 0.2), warm_up=1)
    (gc.enable if enabled else gc.disable)()
    try:
        for _ in range(3):
            step()
        assert step.graph is not None
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_training_in_another_thread_records_and_computes_the_same():
    """A thread starts with the default stream as its current one, whatever the main thread has."""
    here, there = trainer(True), trainer(True)
    for _ in range(4):
        here.step()
    backend.synchronize()
    errors = []

    def run():
        try:
            for _ in range(4):
                there.step()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not errors
    assert there.run_device_step.graph is not None
    assert_same_state(there, here)


def test_two_trainers_in_turn_compute_the_same_as_alone():
    """Their graphs share the scratch memory of the kernels, so they must not run at the same time."""
    alone, first, second = trainer(True), trainer(True), trainer(True, seed=1)
    for _ in range(4):
        alone.step()
    for _ in range(4):
        first.step()
        second.step()
    assert_same_state(first, alone)


def test_float32_products_are_not_affected_by_a_precision_of_fp64():
    x, w = normal(2, 3, dtype="float32"), normal(3, 4, dtype="float32")
    expected = operations.matmul(x, w)
    backend.set_precision("fp64")
    try:
        close(operations.matmul(x, w), expected, 0)
    finally:
        backend.set_precision("fp32")


def test_kernels_refuse_arrays_that_they_cannot_take():
    with pytest.raises(TypeError, match="expected float32 or float64, got float16"):
        operations.leaky_relu(xp.zeros(3, "float16"), 0.2)
    too_large = type("Array", (), {"size": 2**31, "shape": (2**31,), "dtype": np.dtype("f4")})
    with pytest.raises(ValueError, match="use a smaller batch"):
        launch.implicit_gemm("forward", *[too_large] * 3, launch.Geometry(*(1,) * 13))
