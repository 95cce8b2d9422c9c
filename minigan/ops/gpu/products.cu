// Implicit GEMM: every convolution and every dense layer, forward and backward, is one matrix product.
//
// A convolution is the product of all windows of the images, as the rows of a matrix, with the kernel. That matrix is
// never written to memory: the elements of a window are gathered from the images (operands.cuh) while they are copied
// into shared memory (tiles.cuh). A dense layer is a 1x1 convolution of images of one pixel.

#include "common.cuh"
#include "operands.cuh"
#include "tiles.cuh"

// result = a * b, plus bias[column] if bias is not null; or, if `add`, result += a * b.
//
// Grid: (tiles down, tiles across, phases * splits). Split-K: a result of few tiles would leave most multiprocessors
// idle, so `splits` blocks share the depth of each tile. Each writes its sums to `partial`, they meet at a grid barrier
// of their own, and each adds up its part of the tile, in the order of the splits: the same bits every time.
// vector_a, vector_b: whether the operand can be copied 16 bytes at a time, which takes alignment and whole vectors of
// channels.
template <int KIND, int COLUMNS>
__device__ void implicit_gemm(const Real* a, const Real* b, const Real* bias, Real* result, bool add, Geometry g,
                              int splits, bool vector_a, bool vector_b, Real* partial, unsigned* barriers) {
  using T = Tile<KIND, COLUMNS>;
  const int VECTOR = 16 / sizeof(Real);
  int phase = blockIdx.z / splits, split = blockIdx.z % splits;
  Operands<KIND> operands(a, b, g, phase);
  int first_row = blockIdx.x * T::ROWS, first_column = blockIdx.y * COLUMNS;
  int steps = ceil_div(operands.depth, T::DEPTH), steps_per_split = ceil_div(steps, splits);
  int first = split * steps_per_split, last = first + steps_per_split < steps ? first + steps_per_split : steps;

  // 1. What a thread copies of the first operand. From one step to the next its rows stay and its depth advances: of a
  // slice a[row][k] the windows stay and the tap advances, of a slice a[k][row] the tap stays and the windows advance.
  using C = typename T::template Copies<VECTOR>;
  const int COUNT = C::A_COUNT, column = threadIdx.x % C::A_PER_ROW * VECTOR, row = threadIdx.x / C::A_PER_ROW;
  const bool BY_ROW = T::A_BY_ROW;
  Sizes sizes = BY_ROW ? operands.tap_sizes() : operands.window_sizes();
  Window windows[COUNT];
  Digits indices[BY_ROW ? 1 : COUNT], step_size = {0, 0, 0};
  Tap tap = {0, 0, -1};
  if (operands.depth > 0) {
    step_size = to_digits(T::DEPTH, sizes);
#pragma unroll
    for (int i = 0; i < (BY_ROW ? 1 : COUNT); i++)
      indices[i] = to_digits(first * T::DEPTH + (BY_ROW ? column : row + i * C::A_STEP), sizes);
  }
  if (BY_ROW)
#pragma unroll
    for (int i = 0; i < COUNT; i++) windows[i] = operands.window(first_row + row + i * C::A_STEP);
  else
    tap = operands.tap(first_row + column);

  // 2. Start the copies of one step, as one group. Past the last step the group is empty, so that the count of groups,
  // which the waits below rely on, stays right.
  Real* slices_a = (Real*)shared_memory;
  Real* slices_b = slices_a + T::STAGES * T::A_SIZE;
  auto load = [&](int step) {
    if (step < last) {
      if (BY_ROW) {
        tap = operands.tap(indices[0], step * T::DEPTH + column < operands.depth);
        advance(indices[0], step_size, sizes);
      } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
          windows[i] = operands.window(indices[BY_ROW ? 0 : i], step * T::DEPTH + row + i * C::A_STEP < operands.depth);
          advance(indices[BY_ROW ? 0 : i], step_size, sizes);
        }
      }
      Real* to_a = slices_a + step % T::STAGES * T::A_SIZE;
      Real* to_b = slices_b + step % T::STAGES * T::B_SIZE;
      if (vector_a) T::template load_a<VECTOR>(to_a, operands, first_row, step * T::DEPTH, windows, tap);
      else T::template load_a<1>(to_a, operands, first_row, step * T::DEPTH, windows, tap);
      if (vector_b) T::template load_b<VECTOR>(to_b, operands, step * T::DEPTH, first_column, tap);
      else T::template load_b<1>(to_b, operands, step * T::DEPTH, first_column, tap);
    }
    commit_copies();
  };

  // 3. The loop over the depth: while a slice is multiplied, the next ones are on their way.
  Sums<T> sums;
  sums.clear();
  for (int step = first; step < first + T::STAGES - 1; step++) load(step);
  for (int step = first; step < last; step++) {
    wait_for_copies<T::STAGES - 2>();  // this thread's copies of this step have arrived
    __syncthreads();                   // and so have those of all others; and all have multiplied the previous slice,
    load(step + T::STAGES - 1);        // which these copies overwrite
    sums.multiply(slices_a + step % T::STAGES * T::A_SIZE, slices_b + step % T::STAGES * T::B_SIZE);
  }
  wait_for_copies<0>();

  // 4. Store the tile.
  auto store = [&](int row, int column, Real value) {
    row += first_row, column += first_column;
    if (row >= operands.rows || column >= operands.columns) return;
    int index = operands.result_index(row, column);
    if (bias) value += bias[column];
    result[index] = add ? result[index] + value : value;
  };
  if (splits == 1) {
    sums.for_each(store);
    return;
  }

  // 5. Split-K: write this split's sums, wait for the other splits of the tile, and add up a part of the tile.
  const int SIZE = T::ROWS * COLUMNS;
  int tile = (phase * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  Real* parts = partial + (long long)tile * splits * SIZE;
  sums.for_each([&](int row, int column, Real value) { parts[split * SIZE + row * COLUMNS + column] = value; });
  grid_barrier(barriers + 2 * tile, splits);
  for (int e = split * T::THREADS + threadIdx.x; e < SIZE; e += splits * T::THREADS) {
    Real sum = 0;
    for (int s = 0; s < splits; s++) sum += parts[s * SIZE + e];
    store(e / COLUMNS, e % COLUMNS, sum);
  }
}

// The kernels: each kind with tiles of 64 columns, and of 16 for results with few channels. The launch bounds keep the
// registers of a thread few enough for two blocks on a multiprocessor (one in float64).
#define KERNEL(NAME, KIND, COLUMNS)                                                                                    \
  extern "C" __global__ void __launch_bounds__(256, sizeof(Real) == 8 ? 1 : 2)                                         \
      NAME(const Real* a, const Real* b, const Real* bias, Real* result, int add, int n, int h, int w, int c, int oh,  \
           int ow, int o, int kh, int kw, int sh, int sw, int top, int left, int splits, int vector_a, int vector_b,   \
           Real* partial, unsigned* barriers) {                                                                        \
    Geometry g = {n, h, w, c, oh, ow, o, kh, kw, sh, sw, top, left};                                                   \
    implicit_gemm<KIND, COLUMNS>(a, b, bias, result, add, g, splits, vector_a, vector_b, partial, barriers);           \
  }
KERNEL(forward_64, FORWARD, 64)
KERNEL(forward_16, FORWARD, 16)
KERNEL(input_gradient_64, INPUT_GRADIENT, 64)
KERNEL(input_gradient_16, INPUT_GRADIENT, 16)
KERNEL(weight_gradient_64, WEIGHT_GRADIENT, 64)
KERNEL(weight_gradient_16, WEIGHT_GRADIENT, 16)
