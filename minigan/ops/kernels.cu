// The operations on a GPU, one kernel each. CuPy compiles this file at first use (cupy_kernels.py); the tests also run
// it on the CPU, thread by thread, under a small emulator.
//
// Arrays are channels-last and contiguous. T is float or double. Three ideas carry the file:
//
//   product     every convolution and every dense layer is one matrix product whose operands are gathered from the
//               pictures while they are loaded: no window matrix is ever written to memory.
//   grid_wait   blocks wait for each other inside a kernel, so that "sum everything, then use the sum" is one launch
//               in place of two or three. All blocks must run at once: the launcher makes no more than there are
//               multiprocessors.
//   last_block  a counter of draws, steps or pictures is moved on by the block that finishes last, on the device, so
//               that a replayed CUDA graph goes on where it was.

#ifndef EMULATED
extern __shared__ __align__(16) unsigned char shared_memory[];
#endif

// ---- blocks that meet -----------------------------------------------------------------------------------------------

// meeting: two zeros in global memory, {arrived, round}. The last to arrive starts the next round.
__device__ void grid_wait(unsigned* meeting, unsigned blocks) {
  __syncthreads();
  if (threadIdx.x == 0 && threadIdx.y == 0) {
    __threadfence();
    volatile unsigned* round = meeting + 1;
    unsigned now = *round;
    __threadfence();
    if (atomicAdd(meeting, 1u) == blocks - 1) {
      atomicExch(meeting, 0u);
      __threadfence();
      atomicAdd(meeting + 1, 1u);
    } else {
      while (*round == now) __nanosleep(20);
    }
    __threadfence();
  }
  __syncthreads();
}

// True in one thread of one block: the last to come here. ticket: one zero in global memory.
__device__ bool last_block(unsigned* ticket) {
  __syncthreads();
  if (threadIdx.x != 0) return false;
  __threadfence();
  unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
  if (atomicAdd(ticket, 1u) != blocks - 1) return false;
  atomicExch(ticket, 0u);
  return true;
}

// ---- matrix products ------------------------------------------------------------------------------------------------

// x (n, h, w, c) and y (n, oh, ow, o), kernel (kh, kw, c, o), padding above and to the left.
struct Geometry {
  int n, h, w, c, oh, ow, o, kh, kw, sh, sw, top, left;
};

enum Precision { FULL, TF32, BF16 };
enum Kind { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT };

__device__ int ceiling(int a, int b) { return (a + b - 1) / b; }

// A window's place in its picture and an element's place in the window; together, an element of the picture.
struct Place {
  int picture, y, x;  // picture: rows of pixels before it, or negative where there is no such window
};
struct Tap {
  int y, x, channel;  // channel: negative where there is no such element
};

// A number in mixed radix, so that counting on needs no division: image, row, column; or row, column, channel.
struct Counter {
  int high, middle, low;
};
struct Radix {
  int middle, low;
};
__device__ Counter in_radix(int number, Radix radix) {
  return {number / radix.low / radix.middle, number / radix.low % radix.middle, number % radix.low};
}
__device__ void advance(Counter& counter, Counter by, Radix radix) {
  counter.low += by.low, counter.middle += by.middle, counter.high += by.high;
  if (counter.low >= radix.low) counter.low -= radix.low, counter.middle++;
  if (counter.middle >= radix.middle) counter.middle -= radix.middle, counter.high++;
}

// rows × depth times depth × columns, as gathered from a, b of each Kind:
//
//   FORWARD          y = x ∗ w      rows (n, p, q)        depth (i, j, c)       columns o
//   INPUT_GRADIENT   dx from dy, w  rows (n, u, v)        depth (ti, tj, o)     columns c
//                    Pixels of one remainder (phase) by the stride meet the same taps: pixel r + s·u meets the taps
//                    i = i₀ + s·t, with i₀ = (r + top) mod s, from output row (r + top − i₀) / s + u − t.
//   WEIGHT_GRADIENT  dw from x, dy  rows (i, j, c)        depth (n, p, q)       columns o
template <typename T, int KIND>
struct Operands {
  const T *a, *b;
  Geometry g;
  int phase_i, phase_j, tap_i, tap_j, taps_j, first_p, first_q, tall, wide;  // of INPUT_GRADIENT
  int rows, depth, columns;

  __device__ Operands(const T* a, const T* b, Geometry g, int phase) : a(a), b(b), g(g) {
    if (KIND == FORWARD) {
      rows = g.n * g.oh * g.ow, depth = g.kh * g.kw * g.c, columns = g.o;
    } else if (KIND == WEIGHT_GRADIENT) {
      rows = g.kh * g.kw * g.c, depth = g.n * g.oh * g.ow, columns = g.o;
    } else {
      phase_i = phase / g.sw, phase_j = phase % g.sw;
      tap_i = (phase_i + g.top) % g.sh, tap_j = (phase_j + g.left) % g.sw;
      int taps_i = tap_i < g.kh ? ceiling(g.kh - tap_i, g.sh) : 0;
      taps_j = tap_j < g.kw ? ceiling(g.kw - tap_j, g.sw) : 0;
      first_p = (phase_i + g.top - tap_i) / g.sh, first_q = (phase_j + g.left - tap_j) / g.sw;
      tall = phase_i < g.h ? ceiling(g.h - phase_i, g.sh) : 0, wide = phase_j < g.w ? ceiling(g.w - phase_j, g.sw) : 0;
      rows = g.n * tall * wide, depth = taps_i * taps_j * g.o, columns = g.c;
    }
  }

  // Windows count (image, row, column), elements of a window (row, column, channel).
  __device__ Radix places() const {
    if (KIND == INPUT_GRADIENT) return {tall, wide};
    return {g.oh, g.ow};
  }
  __device__ Radix taps() const {
    if (KIND == INPUT_GRADIENT) return {taps_j, g.o};
    return {g.kw, g.c};
  }
  __device__ Place place(Counter at, bool inside) const {
    if (!inside) return {-1, 0, 0};
    if (KIND == INPUT_GRADIENT) return {at.high * g.oh, first_p + at.middle, first_q + at.low};
    return {at.high * g.h, at.middle * g.sh - g.top, at.low * g.sw - g.left};
  }
  __device__ Tap tap(Counter at, bool inside) const {
    if (!inside) return {0, 0, -1};
    if (KIND == INPUT_GRADIENT) return {-at.high, -at.middle, at.low};
    return {at.high, at.middle, at.low};
  }
  __device__ Place place(int position) const {
    bool inside = position < (KIND == WEIGHT_GRADIENT ? depth : rows);
    return place(inside ? in_radix(position, places()) : Counter{0, 0, 0}, inside);
  }
  __device__ Tap tap(int window) const {
    bool inside = window < (KIND == WEIGHT_GRADIENT ? rows : depth);
    return tap(inside ? in_radix(window, taps()) : Counter{0, 0, 0}, inside);
  }

  // An element of the first operand, or null where it is padding.
  __device__ const T* at_a(Place place, Tap tap) const {
    int height = KIND == INPUT_GRADIENT ? g.oh : g.h, width = KIND == INPUT_GRADIENT ? g.ow : g.w;
    int y = place.y + tap.y, x = place.x + tap.x;
    if (place.picture < 0 || tap.channel < 0 || y < 0 || y >= height || x < 0 || x >= width) return nullptr;
    return a + ((place.picture + y) * width + x) * (KIND == INPUT_GRADIENT ? g.o : g.c) + tap.channel;
  }

  // Element (k, column) of the second operand, or null outside; tap: that of k.
  __device__ const T* at_b(int k, Tap tap, int column) const {
    if (k >= depth || column >= columns) return nullptr;
    if (KIND != INPUT_GRADIENT) return b + k * g.o + column;
    return b + (((tap_i - g.sh * tap.y) * g.kw + tap_j - g.sw * tap.x) * g.c + column) * g.o + tap.channel;
  }

  // Index of element (row, column) of the result.
  __device__ int at_result(int row, int column) const {
    if (KIND != INPUT_GRADIENT) return row * g.o + column;
    int image = row / (tall * wide), pixel = row % (tall * wide);
    int y = phase_i + g.sh * (pixel / wide), x = phase_j + g.sw * (pixel % wide);
    return ((image * g.h + y) * g.w + x) * g.c + column;
  }
};

#ifndef EMULATED
// A copy from global to shared memory that does not wait; zeros where there is nothing to copy.
template <int BYTES>
__device__ void copy_async(void* to, const void* from) {
  unsigned address = (unsigned)__cvta_generic_to_shared(to);
  int size = from ? BYTES : 0;
  from = from ? from : to;  // never read, but it must be an address
  if (BYTES == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(size));
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(address), "l"(from), "r"(size), "n"(BYTES));
}
__device__ void close_group() { asm volatile("cp.async.commit_group;"); }
template <int N>
__device__ void wait_for_all_but() { asm volatile("cp.async.wait_group %0;" ::"n"(N)); }

__device__ unsigned rounded_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
__device__ unsigned packed_bf16(float low, float high) {
  unsigned bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
// c (16×8) += a (16×8) · b (8×8) by the tensor cores, one warp together.
__device__ void multiply_tf32(float c[4], const unsigned a[4], const unsigned b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// c (16×8) += a (16×16) · b (16×8).
__device__ void multiply_bf16(float c[4], const unsigned a[4], const unsigned b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

// A block computes ROWS × COLUMNS numbers of the result with 8 warps, DEPTH deep at a time; STAGES tiles are on their
// way from memory while one is multiplied. Leading dimensions are padded so that a warp's reads meet all 32 banks.
template <typename T, int KIND, int COLUMNS>
struct Tiles {
  static const int ROWS = 128, DEPTH = sizeof(T) == 8 ? 16 : 32, STAGES = 3, THREADS = 256;
  static const bool A_BY_ROW = KIND != WEIGHT_GRADIENT;    // a[row][k]: its pictures are contiguous along k
  static const bool B_BY_COLUMN = KIND == INPUT_GRADIENT;  // b[column][k]
  static const int A_WIDE = A_BY_ROW ? DEPTH : ROWS, A_TALL = A_BY_ROW ? ROWS : DEPTH, A_LEAD = A_WIDE + (A_BY_ROW ? 4 : 8);
  static const int B_WIDE = B_BY_COLUMN ? DEPTH : COLUMNS, B_TALL = B_BY_COLUMN ? COLUMNS : DEPTH;
  static const int B_LEAD = B_WIDE + (B_BY_COLUMN ? 4 : 8);
  static const int A_SIZE = A_TALL * A_LEAD, B_SIZE = B_TALL * B_LEAD, BYTES = STAGES * (A_SIZE + B_SIZE) * sizeof(T);

  static __device__ T a(const T* tile, int row, int k) { return tile[A_BY_ROW ? row * A_LEAD + k : k * A_LEAD + row]; }
  static __device__ T b(const T* tile, int k, int column) {
    return tile[B_BY_COLUMN ? column * B_LEAD + k : k * B_LEAD + column];
  }

  // VECTOR: neighbours in memory that are copied at once, as many as 16 bytes hold, or 1. A thread copies the same
  // columns of several rows of the tile.
  template <int VECTOR>
  struct Share {
    static const int A_ACROSS = A_WIDE / VECTOR, A_DOWN = THREADS / A_ACROSS, A_COUNT = A_TALL / A_DOWN;
    static const int B_ACROSS = B_WIDE / VECTOR, B_DOWN = THREADS / B_ACROSS, B_COUNT = (B_TALL + B_DOWN - 1) / B_DOWN;
  };

  template <int VECTOR>
  static __device__ void load_a(T* tile, const Operands<T, KIND>& operands, int first_row, int first_k,
                                const Place* places, Tap tap) {
    using S = Share<VECTOR>;
    int wide = threadIdx.x % S::A_ACROSS * VECTOR, tall = threadIdx.x / S::A_ACROSS;
    if (VECTOR == 1) tap = operands.tap((A_BY_ROW ? first_k : first_row) + wide);
#pragma unroll
    for (int i = 0; i < S::A_COUNT; i++, tall += S::A_DOWN) {
      Place place = VECTOR > 1 ? places[i] : operands.place((A_BY_ROW ? first_row : first_k) + tall);
      copy_async<VECTOR * sizeof(T)>(tile + tall * A_LEAD + wide, operands.at_a(place, tap));
    }
  }
  template <int VECTOR>
  static __device__ void load_b(T* tile, const Operands<T, KIND>& operands, int first_k, int first_column, Tap tap) {
    using S = Share<VECTOR>;
    int wide = threadIdx.x % S::B_ACROSS * VECTOR, tall = threadIdx.x / S::B_ACROSS;
    if (B_BY_COLUMN && VECTOR == 1) tap = operands.tap(first_k + wide);
#pragma unroll
    for (int i = 0; i < S::B_COUNT; i++, tall += S::B_DOWN)
      if (tall < B_TALL)
        copy_async<VECTOR * sizeof(T)>(
            tile + tall * B_LEAD + wide, B_BY_COLUMN ? operands.at_b(first_k + wide, tap, first_column + tall)
                                                     : operands.at_b(first_k + tall, tap, first_column + wide));
  }
};

// The block's share of the result, spread over its threads. Plainly: each thread has 4 neighbouring columns of every
// ACROSS-th row.
template <typename T, class Tile, int COLUMNS>
struct PlainSums {
  static const int ACROSS = Tile::THREADS * 4 / COLUMNS, TALL = Tile::ROWS / ACROSS;
  T sums[TALL][4];
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < TALL; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) sums[i][j] = 0;
  }
  __device__ void multiply(const T* a, const T* b) {
    int row = threadIdx.x / (COLUMNS / 4), column = threadIdx.x % (COLUMNS / 4) * 4;
#pragma unroll 4
    for (int k = 0; k < Tile::DEPTH; k++) {
      T right[4];
#pragma unroll
      for (int j = 0; j < 4; j++) right[j] = Tile::b(b, k, column + j);
#pragma unroll
      for (int i = 0; i < TALL; i++) {
        T left = Tile::a(a, row + i * ACROSS, k);
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] += left * right[j];
      }
    }
  }
  template <typename F>
  __device__ void each(F store) {
    int row = threadIdx.x / (COLUMNS / 4), column = threadIdx.x % (COLUMNS / 4) * 4;
#pragma unroll
    for (int i = 0; i < TALL; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) store(row + i * ACROSS, column + j, sums[i][j]);
  }
};

// By tensor cores: 8 warps, each a patch of 16·DOWN × 8·ACROSS numbers. In a 16×8 product thread (g, t) of the warp,
// g = lane / 4 and t = lane % 4, holds a at rows g, g + 8, and b at column g; the result at columns 2t, 2t + 1.
template <int PRECISION, class Tile, int COLUMNS>
struct TensorCoreSums {
  static const int WARPS_ACROSS = COLUMNS >= 64 ? 2 : 1, WARPS_DOWN = 8 / WARPS_ACROSS;
  static const int DOWN = Tile::ROWS / WARPS_DOWN / 16, ACROSS = COLUMNS / WARPS_ACROSS / 8;
  float sums[DOWN][ACROSS][4];
  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < DOWN; i++)
#pragma unroll
      for (int j = 0; j < ACROSS; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
  }
  __device__ void multiply(const float* a, const float* b) {
    int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    int row = warp / WARPS_ACROSS * DOWN * 16 + g, column = warp % WARPS_ACROSS * ACROSS * 8 + g;
#pragma unroll
    for (int k = 0; k < Tile::DEPTH; k += PRECISION == TF32 ? 8 : 16) {
      unsigned left[DOWN][4], right[ACROSS][2];
#pragma unroll
      for (int i = 0; i < DOWN; i++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          int r = row + 16 * i + 8 * (e % 2);
          if (PRECISION == TF32) left[i][e] = rounded_tf32(Tile::a(a, r, k + t + 4 * (e / 2)));
          else left[i][e] = packed_bf16(Tile::a(a, r, k + 2 * t + 8 * (e / 2)), Tile::a(a, r, k + 2 * t + 8 * (e / 2) + 1));
        }
#pragma unroll
      for (int j = 0; j < ACROSS; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int c = column + 8 * j;
          if (PRECISION == TF32) right[j][e] = rounded_tf32(Tile::b(b, k + t + 4 * e, c));
          else right[j][e] = packed_bf16(Tile::b(b, k + 2 * t + 8 * e, c), Tile::b(b, k + 2 * t + 8 * e + 1, c));
        }
#pragma unroll
      for (int i = 0; i < DOWN; i++)
#pragma unroll
        for (int j = 0; j < ACROSS; j++) {
          if (PRECISION == TF32) multiply_tf32(sums[i][j], left[i], right[j]);
          else multiply_bf16(sums[i][j], left[i], right[j]);
        }
    }
  }
  template <typename F>
  __device__ void each(F store) {
    int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    int row = warp / WARPS_ACROSS * DOWN * 16 + g, column = warp % WARPS_ACROSS * ACROSS * 8 + 2 * t;
#pragma unroll
    for (int i = 0; i < DOWN; i++)
#pragma unroll
      for (int j = 0; j < ACROSS; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) store(row + 16 * i + 8 * (e / 2), column + 8 * j + e % 2, sums[i][j][e]);
  }
};

template <typename T, int PRECISION, class Tile, int COLUMNS>
struct Sums : TensorCoreSums<PRECISION, Tile, COLUMNS> {};
template <typename T, class Tile, int COLUMNS>
struct Sums<T, FULL, Tile, COLUMNS> : PlainSums<T, Tile, COLUMNS> {};

// result = a·b (+ bias) or result += a·b. Grid: (tiles down, tiles across, phases · splits). With splits the depth is
// shared out among blocks: each writes its sums to `partial`, they meet, and each adds up its part of the tile in order.
template <typename T, int PRECISION, int KIND, int COLUMNS>
__device__ void product(const T* a, const T* b, const T* bias, T* result, bool add, Geometry g, int splits,
                        bool vector_a, bool vector_b, T* partial, unsigned* meetings) {
  using Tile = Tiles<T, KIND, COLUMNS>;
  const int VECTOR = 16 / sizeof(T);
  int phase = blockIdx.z / splits, split = blockIdx.z % splits;
  Operands<T, KIND> operands(a, b, g, phase);
  int first_row = blockIdx.x * Tile::ROWS, first_column = blockIdx.y * COLUMNS;
  int steps = ceiling(operands.depth, Tile::DEPTH), steps_each = ceiling(steps, splits);
  int first = split * steps_each, last = first + steps_each < steps ? first + steps_each : steps;

  // A thread copies, from one step to the next, the same rows at the next depth. What belongs to its rows stays the
  // same; what belongs to the depth is counted on: a division costs more than all that is done with its result.
  using Share = typename Tile::template Share<VECTOR>;
  const int COUNT = Share::A_COUNT, wide = threadIdx.x % Share::A_ACROSS * VECTOR, tall = threadIdx.x / Share::A_ACROSS;
  const bool BY_ROW = Tile::A_BY_ROW;
  Radix radix = BY_ROW ? operands.taps() : operands.places();
  Place places[COUNT];
  Counter counters[BY_ROW ? 1 : COUNT], by = {0, 0, 0};
  Tap tap = {0, 0, -1};
  if (operands.depth > 0) {
    by = in_radix(Tile::DEPTH, radix);
#pragma unroll
    for (int i = 0; i < (BY_ROW ? 1 : COUNT); i++)
      counters[i] = in_radix(first * Tile::DEPTH + (BY_ROW ? wide : tall + i * Share::A_DOWN), radix);
  }
  if (BY_ROW)
#pragma unroll
    for (int i = 0; i < COUNT; i++) places[i] = operands.place(first_row + tall + i * Share::A_DOWN);
  else
    tap = operands.tap(first_row + wide);

  T* tiles_a = (T*)shared_memory;
  T* tiles_b = tiles_a + Tile::STAGES * Tile::A_SIZE;
  auto load = [&](int step) {
    if (step < last) {
      if (BY_ROW) {
        tap = operands.tap(counters[0], step * Tile::DEPTH + wide < operands.depth);
        advance(counters[0], by, radix);
      } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
          places[i] = operands.place(counters[BY_ROW ? 0 : i], step * Tile::DEPTH + tall + i * Share::A_DOWN < operands.depth);
          advance(counters[BY_ROW ? 0 : i], by, radix);
        }
      }
      T* to_a = tiles_a + step % Tile::STAGES * Tile::A_SIZE;
      T* to_b = tiles_b + step % Tile::STAGES * Tile::B_SIZE;
      if (vector_a) Tile::template load_a<VECTOR>(to_a, operands, first_row, step * Tile::DEPTH, places, tap);
      else Tile::template load_a<1>(to_a, operands, first_row, step * Tile::DEPTH, places, tap);
      if (vector_b) Tile::template load_b<VECTOR>(to_b, operands, step * Tile::DEPTH, first_column, tap);
      else Tile::template load_b<1>(to_b, operands, step * Tile::DEPTH, first_column, tap);
    }
    close_group();
  };

  Sums<T, PRECISION, Tile, COLUMNS> sums;
  sums.clear();
  for (int step = first; step < first + Tile::STAGES - 1; step++) load(step);
  for (int step = first; step < last; step++) {
    wait_for_all_but<Tile::STAGES - 2>();
    __syncthreads();
    load(step + Tile::STAGES - 1);
    sums.multiply(tiles_a + step % Tile::STAGES * Tile::A_SIZE, tiles_b + step % Tile::STAGES * Tile::B_SIZE);
  }
  wait_for_all_but<0>();

  auto store = [&](int row, int column, T value) {
    row += first_row, column += first_column;
    if (row >= operands.rows || column >= operands.columns) return;
    int index = operands.at_result(row, column);
    if (bias) value += bias[column];
    result[index] = add ? result[index] + value : value;
  };
  if (splits == 1) {
    sums.each(store);
    return;
  }
  const int SIZE = Tile::ROWS * COLUMNS;
  int tile = (phase * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  T* parts = partial + (long long)tile * splits * SIZE;
  sums.each([&](int row, int column, T value) { parts[split * SIZE + row * COLUMNS + column] = value; });
  grid_wait(meetings + 2 * tile, splits);
  for (int e = split * Tile::THREADS + threadIdx.x; e < SIZE; e += splits * Tile::THREADS) {
    T sum = 0;
    for (int s = 0; s < splits; s++) sum += parts[s * SIZE + e];
    store(e / COLUMNS, e % COLUMNS, sum);
  }
}

#define PRODUCT(NAME, T, PRECISION, KIND, COLUMNS)                                                                       \
  extern "C" __global__ void __launch_bounds__(256, sizeof(T) == 8 ? 1 : 2)                                              \
      NAME(const T* a, const T* b, const T* bias, T* result, int add, int n, int h, int w, int c, int oh, int ow, int o, \
           int kh, int kw, int sh, int sw, int top, int left, int splits, int vector_a, int vector_b, T* partial,        \
           unsigned* meetings) {                                                                                         \
    Geometry g = {n, h, w, c, oh, ow, o, kh, kw, sh, sw, top, left};                                                     \
    product<T, PRECISION, KIND, COLUMNS>(a, b, bias, result, add, g, splits, vector_a, vector_b, partial, meetings);     \
  }
#define PRODUCTS(NAME, T, PRECISION)                                   \
  PRODUCT(forward_64_##NAME, T, PRECISION, FORWARD, 64)                \
  PRODUCT(forward_16_##NAME, T, PRECISION, FORWARD, 16)                \
  PRODUCT(input_gradient_64_##NAME, T, PRECISION, INPUT_GRADIENT, 64)  \
  PRODUCT(input_gradient_16_##NAME, T, PRECISION, INPUT_GRADIENT, 16)  \
  PRODUCT(weight_gradient_64_##NAME, T, PRECISION, WEIGHT_GRADIENT, 64) \
  PRODUCT(weight_gradient_16_##NAME, T, PRECISION, WEIGHT_GRADIENT, 16)
PRODUCTS(fp32, float, FULL)
PRODUCTS(tf32, float, TF32)
PRODUCTS(bf16, float, BF16)
PRODUCTS(fp64, double, FULL)

// ---- sums over the rows of (batches, m, C) --------------------------------------------------------------------------

// Blocks are (32, height): 32 channels side by side, `height` rows at a time. Grid: (groups of channels, chunks of rows, batches).
// Each block sums its chunk; after grid_wait every block adds the chunks up in order, in double.
template <typename T>
struct ColumnSums {
  // The sums of `one` and of `two` over the block's rows, in every thread of the column. Halves are added to halves:
  // five additions deep for 32 rows, and always in the same order.
  template <typename S>
  static __device__ void over_rows_of_block(S& one, S& two) {
    S* buffer = (S*)shared_memory;  // (2, height, 32)
    const int height = blockDim.y;
    S *ones = buffer + threadIdx.x, *twos = ones + height * 32;
    __syncthreads();
    ones[threadIdx.y * 32] = one, twos[threadIdx.y * 32] = two;
    __syncthreads();
    for (int half = height / 2; half > 0; half /= 2) {
      if (threadIdx.y < half) {
        ones[threadIdx.y * 32] += ones[(threadIdx.y + half) * 32];
        twos[threadIdx.y * 32] += twos[(threadIdx.y + half) * 32];
      }
      __syncthreads();
    }
    one = ones[0], two = twos[0];
  }

  // Two sums over this block's rows; terms(row, one, two) adds what a row gives. to: (2, C)
  template <typename F>
  static __device__ void of_chunk(int c, int channels, int first, int last, T* to, F terms) {
    T one = 0, two = 0;
    if (c < channels)
#pragma unroll 4
      for (int row = first + threadIdx.y; row < last; row += blockDim.y) terms(row, one, two);
    over_rows_of_block(one, two);
    if (threadIdx.y == 0 && c < channels) to[c] = one, to[channels + c] = two;
  }

  // The sums of all chunks, in double; the whole block calls it together.
  static __device__ void of_all(const T* partial, int chunks, int channels, int c, double& one, double& two) {
    one = two = 0;
    if (c < channels)
      for (int chunk = threadIdx.y; chunk < chunks; chunk += blockDim.y)
        one += partial[chunk * 2 * channels + c], two += partial[(chunk * 2 + 1) * channels + c];
    over_rows_of_block(one, two);
  }
};

#define FOR_CHANNEL_GROUPS                                                                    \
  for (int c = blockIdx.x * 32 + threadIdx.x; c - (int)threadIdx.x < channels; c += gridDim.x * 32)

// Batch normalization in training mode, with LeakyReLU after it (slope 1: none). Sums are taken about the first row's
// value, which is near the mean, so that nothing cancels.
template <typename T>
__device__ void batch_norm(const T* x, const T* gamma, const T* beta, T* running_mean, T* running_var, T* y, T* mean,
                           T* inverse_deviation, T* partial, unsigned* meeting, int m, int channels, double eps,
                           double momentum, double slope) {
  int batch = blockIdx.z, batches = gridDim.z, chunk = blockIdx.y, chunks = gridDim.y;
  int first = (int)((long long)m * chunk / chunks), last = (int)((long long)m * (chunk + 1) / chunks);
  const T* rows = x + (long long)batch * m * channels;
  T* y_rows = y + (long long)batch * m * channels;
  FOR_CHANNEL_GROUPS {
    T origin = c < channels ? rows[c] : 0;
    ColumnSums<T>::of_chunk(c, channels, first, last, partial + (batch * chunks + chunk) * 2 * channels,
                            [&](int row, T& sum, T& squares) {
                              T centred = rows[(long long)row * channels + c] - origin;
                              sum += centred, squares += centred * centred;
                            });
  }
  grid_wait(meeting, gridDim.x * gridDim.y * gridDim.z);
  auto statistics = [&](int of_batch, int c, double& mu, double& variance) {
    double sum, squares;
    ColumnSums<T>::of_all(partial + (long long)of_batch * chunks * 2 * channels, chunks, channels, c, sum, squares);
    sum /= m;
    mu = c < channels ? (double)x[(long long)of_batch * m * channels + c] + sum : 0;
    variance = squares / m - sum * sum;
    if (variance < 0) variance = 0;
  };
  FOR_CHANNEL_GROUPS {
    double mu, variance;
    statistics(batch, c, mu, variance);
    T scale = (T)(1 / sqrt(variance + eps)), center = (T)mu;
    bool writes = chunk == 0 && threadIdx.y == 0 && c < channels;
    if (writes) mean[batch * channels + c] = center, inverse_deviation[batch * channels + c] = scale;
    if (chunk == 0 && batch == 0) {
      double running = writes ? running_mean[c] : 0, running_square = writes ? running_var[c] : 0;
      for (int b = 0; b < batches; b++) {
        statistics(b, c, mu, variance);
        running += momentum * (mu - running);
        running_square += momentum * (variance * m / (m - 1) - running_square);
      }
      if (writes) running_mean[c] = (T)running, running_var[c] = (T)running_square;
    }
    if (c >= channels) continue;
    scale *= gamma[c];
    T offset = beta[c];
#pragma unroll 4
    for (int row = first + threadIdx.y; row < last; row += blockDim.y) {
      long long i = (long long)row * channels + c;
      T value = (rows[i] - center) * scale + offset;
      y_rows[i] = value > 0 ? value : (T)slope * value;
    }
  }
}

// Its gradient. y: the output where LeakyReLU came after it, else null; dx, dgamma, dbeta: null where not wanted.
template <typename T>
__device__ void batch_norm_grad(const T* x, const T* y, const T* dy, const T* mean, const T* inverse_deviation,
                                const T* gamma, T* dx, T* dgamma, T* dbeta, T* partial, unsigned* meeting, int m,
                                int channels, double slope, int train) {
  int batch = blockIdx.z, batches = gridDim.z, chunk = blockIdx.y, chunks = gridDim.y;
  int first = (int)((long long)m * chunk / chunks), last = (int)((long long)m * (chunk + 1) / chunks);
  long long start = (long long)batch * m * channels;
  auto through = [&](long long i) { return !y || y[i] > 0 ? dy[i] : (T)slope * dy[i]; };  // dy before the activation
  FOR_CHANNEL_GROUPS {
    T center = c < channels ? mean[batch * channels + c] : 0;
    ColumnSums<T>::of_chunk(c, channels, first, last, partial + (batch * chunks + chunk) * 2 * channels,
                            [&](int row, T& sum, T& with_x) {
                              long long i = start + (long long)row * channels + c;
                              T d = through(i);
                              sum += d, with_x += d * (x[i] - center);
                            });
  }
  grid_wait(meeting, gridDim.x * gridDim.y * gridDim.z);
  FOR_CHANNEL_GROUPS {
    double sum, with_x;
    if (dgamma && chunk == 0 && batch == 0) {
      bool writes = threadIdx.y == 0 && c < channels;
      double total = 0, total_with_x = 0;
      for (int b = 0; b < batches; b++) {
        ColumnSums<T>::of_all(partial + (long long)b * chunks * 2 * channels, chunks, channels, c, sum, with_x);
        total += sum, total_with_x += with_x * (writes ? inverse_deviation[b * channels + c] : 0);
      }
      if (writes) dbeta[c] += (T)total, dgamma[c] += (T)total_with_x;
    }
    if (!dx) continue;
    ColumnSums<T>::of_all(partial + (long long)batch * chunks * 2 * channels, chunks, channels, c, sum, with_x);
    if (c >= channels) continue;
    T deviation = inverse_deviation[batch * channels + c], scale = gamma[c] * deviation, center = mean[batch * channels + c];
    T mean_d = train ? (T)(sum / m) : 0, along_x = train ? (T)(with_x * deviation * deviation / m) : 0;
#pragma unroll 4
    for (int row = first + threadIdx.y; row < last; row += blockDim.y) {
      long long i = start + (long long)row * channels + c;
      dx[i] = (through(i) - mean_d - (x[i] - center) * along_x) * scale;
    }
  }
}

template <typename T>
__device__ void sum_rows(const T* rows, T* out, int add, T* partial, unsigned* meeting, int m, int channels) {
  int chunk = blockIdx.y, chunks = gridDim.y;
  int first = (int)((long long)m * chunk / chunks), last = (int)((long long)m * (chunk + 1) / chunks);
  FOR_CHANNEL_GROUPS ColumnSums<T>::of_chunk(c, channels, first, last, partial + chunk * 2 * channels,
                                             [&](int row, T& sum, T&) { sum += rows[(long long)row * channels + c]; });
  grid_wait(meeting, gridDim.x * gridDim.y);
  FOR_CHANNEL_GROUPS {
    if (chunk != 0) continue;
    double sum, unused;
    ColumnSums<T>::of_all(partial, chunks, channels, c, sum, unused);
    if (c < channels && threadIdx.y == 0) out[c] = (T)(add ? out[c] + sum : sum);
  }
}

#define NORMALIZATIONS(NAME, T)                                                                                           \
  extern "C" __global__ void __launch_bounds__(1024) batch_norm_##NAME(const T* x, const T* gamma, const T* beta, T* running_mean, T* running_var, \
                                               T* y, T* mean, T* inverse_deviation, T* partial, unsigned* meeting, int m,  \
                                               int channels, double eps, double momentum, double slope) {                  \
    batch_norm<T>(x, gamma, beta, running_mean, running_var, y, mean, inverse_deviation, partial, meeting, m, channels,    \
                  eps, momentum, slope);                                                                                   \
  }                                                                                                                        \
  extern "C" __global__ void __launch_bounds__(1024) batch_norm_grad_##NAME(const T* x, const T* y, const T* dy, const T* mean,                    \
                                                    const T* inverse_deviation, const T* gamma, T* dx, T* dgamma,          \
                                                    T* dbeta, T* partial, unsigned* meeting, int m, int channels,          \
                                                    double slope, int train) {                                             \
    batch_norm_grad<T>(x, y, dy, mean, inverse_deviation, gamma, dx, dgamma, dbeta, partial, meeting, m, channels, slope,  \
                       train);                                                                                             \
  }                                                                                                                        \
  extern "C" __global__ void __launch_bounds__(1024) sum_rows_##NAME(const T* rows, T* out, int add, T* partial, unsigned* meeting, int m,         \
                                             int channels) {                                                               \
    sum_rows<T>(rows, out, add, partial, meeting, m, channels);                                                            \
  }
NORMALIZATIONS(fp32, float)
NORMALIZATIONS(fp64, double)

// ---- element by element ---------------------------------------------------------------------------------------------

#define EACH(n) for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (n); i += (long long)gridDim.x * blockDim.x)

template <typename T>
__device__ T sigmoid(T x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

// The sum of `value` over the 256 threads of the only block, in thread 0.
template <typename T>
__device__ T block_sum(T value) {
  T* buffer = (T*)shared_memory;
  __syncthreads();
  buffer[threadIdx.x] = value;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) buffer[threadIdx.x] += buffer[threadIdx.x + half];
    __syncthreads();
  }
  return buffer[0];
}

// Philox 4×64 with 10 rounds (Salmon et al. 2011): four random numbers from a counter and a key, as NumPy's Philox.
__device__ void philox(unsigned long long counter, unsigned long long key0, unsigned long long key1,
                       unsigned long long out[4]) {
  unsigned long long a = counter, b = 0, c = 0, d = 0;
  for (int round = 0; round < 10; round++) {
    unsigned long long high0 = __umul64hi(0xD2E7470EE14C6C93ull, a), low0 = 0xD2E7470EE14C6C93ull * a;
    unsigned long long high1 = __umul64hi(0xCA5A826395121157ull, c), low1 = 0xCA5A826395121157ull * c;
    a = high1 ^ b ^ key0, b = low1, c = high0 ^ d ^ key1, d = low0;
    key0 += 0x9E3779B97F4A7C15ull, key1 += 0xBB67AE8584CAA73Bull;
  }
  out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

// stream of random numbers: {key, key, blocks of four used so far}
#define ELEMENTWISE(NAME, T)                                                                                             \
  extern "C" __global__ void leaky_relu_##NAME(const T* x, T* y, double slope, long long n) {                            \
    EACH(n) y[i] = x[i] > 0 ? x[i] : (T)slope * x[i];                                                                    \
  }                                                                                                                      \
  extern "C" __global__ void leaky_relu_grad_##NAME(const T* y, const T* dy, T* dx, double slope, long long n) {         \
    EACH(n) dx[i] = y[i] > 0 ? dy[i] : (T)slope * dy[i];                                                                 \
  }                                                                                                                      \
  extern "C" __global__ void tanh_##NAME(const T* x, T* y, long long n) { EACH(n) y[i] = tanh(x[i]); }                   \
  extern "C" __global__ void tanh_grad_##NAME(const T* y, const T* dy, T* dx, long long n) {                             \
    EACH(n) dx[i] = dy[i] * (1 - y[i] * y[i]);                                                                           \
  }                                                                                                                      \
  /* y = LeakyReLU(γ·(x − μ)·inverse_deviation + β), with statistics that are given; x (batches, m, C) */               \
  extern "C" __global__ void normalize_##NAME(const T* x, const T* mean, const T* inverse_deviation, const T* gamma,     \
                                              const T* beta, T* y, double slope, long long m, int channels, long long n) { \
    EACH(n) {                                                                                                            \
      int c = i % channels, s = i / channels / m * channels + c;                                                         \
      T value = (x[i] - mean[s]) * (gamma[c] * inverse_deviation[s]) + beta[c];                                          \
      y[i] = value > 0 ? value : (T)slope * value;                                                                       \
    }                                                                                                                    \
  }                                                                                                                      \
  /* One block: loss and gradient of binary cross entropy on logits, and of least squares; targets: an array or null */ \
  extern "C" __global__ void bce_with_logits_##NAME(const T* logits, const T* targets, double target, T* loss,           \
                                                    T* gradient, int n) {                                                \
    T sum = 0;                                                                                                           \
    for (int i = threadIdx.x; i < n; i += 256) {                                                                         \
      T l = logits[i], t = targets ? targets[i] : (T)target;                                                             \
      sum += (l > 0 ? l : 0) - l * t + log1p(exp(-fabs(l)));                                                             \
      gradient[i] = (sigmoid(l) - t) / n;                                                                                \
    }                                                                                                                    \
    sum = block_sum(sum);                                                                                                \
    if (threadIdx.x == 0) *loss = sum / n;                                                                               \
  }                                                                                                                      \
  extern "C" __global__ void least_squares_##NAME(const T* scores, const T* targets, double target, T* loss,             \
                                                  T* gradient, int n) {                                                  \
    T sum = 0;                                                                                                           \
    for (int i = threadIdx.x; i < n; i += 256) {                                                                         \
      T error = scores[i] - (targets ? targets[i] : (T)target);                                                          \
      sum += error * error;                                                                                              \
      gradient[i] = error / n;                                                                                           \
    }                                                                                                                    \
    sum = block_sum(sum);                                                                                                \
    if (threadIdx.x == 0) *loss = sum / n / 2;                                                                           \
  }                                                                                                                      \
  extern "C" __global__ void add_score_means_##NAME(double* totals, const T* real, const T* fake, int logistic,          \
                                                    double threshold, int n_real, int n_fake) {                          \
    for (int which = 0; which < 2; which++) {                                                                            \
      int n = which ? n_fake : n_real;                                                                                   \
      double sum = 0, right = 0;                                                                                         \
      for (int i = threadIdx.x; i < n; i += 256) {                                                                       \
        T score = which ? fake[i] : real[i];                                                                             \
        if (logistic) score = sigmoid(score);                                                                            \
        sum += score, right += (score > (T)threshold) != which;                                                          \
      }                                                                                                                  \
      sum = block_sum(sum), right = block_sum(right);                                                                    \
      if (threadIdx.x == 0) totals[which] += sum / n, totals[2 + which] += right / n;                                    \
    }                                                                                                                    \
  }                                                                                                                      \
  /* Pictures order[place] and on, times scale plus offset; place moves on by `count` pictures of `size` numbers */     \
  extern "C" __global__ void next_images_##NAME(const unsigned char* images, const long long* order, long long* place,   \
                                                T* out, double scale, double offset, int count, int size,                \
                                                unsigned* ticket) {                                                      \
    long long first = *place;                                                                                            \
    EACH((long long)count * size) {                                                                                      \
      T value = images[order[first + i / size] * size + i % size];                                                       \
      out[i] = value * (T)scale + (T)offset;                                                                             \
    }                                                                                                                    \
    if (last_block(ticket)) *place = first + count;                                                                      \
  }                                                                                                                      \
  extern "C" __global__ void adam_##NAME(T* values, const T* grads, T* m, T* v, double* t, const double* lr, double beta1,      \
                                         double beta2, double eps, long long n, unsigned* ticket) {                      \
    double now = *t + 1;                                                                                                 \
    T step = (T)(*lr / (1 - pow(beta1, now))), correction = (T)(1 / sqrt(1 - pow(beta2, now)));                           \
    T b1 = (T)beta1, b2 = (T)beta2, one_less_b1 = (T)(1 - beta1), one_less_b2 = (T)(1 - beta2);                          \
    EACH(n) {                                                                                                            \
      T g = grads[i], m_new = b1 * m[i] + one_less_b1 * g, v_new = b2 * v[i] + one_less_b2 * g * g;                      \
      m[i] = m_new, v[i] = v_new;                                                                                        \
      values[i] -= step * m_new / (sqrt(v_new) * correction + (T)eps);                                                   \
    }                                                                                                                    \
    if (last_block(ticket)) *t = now;                                                                                    \
  }                                                                                                                      \
  extern "C" __global__ void normal_##NAME(T* out, unsigned long long* stream, long long n, unsigned* ticket) {          \
    unsigned long long first = stream[2], raw[4];                                                                        \
    EACH((n + 3) / 4) {                                                                                                  \
      philox(first + i + 1, stream[0], stream[1], raw);                                                                            \
      for (int pair = 0; pair < 2; pair++) {                                                                             \
        double u = ((raw[2 * pair] >> 11) + 1) * 0x1p-53, v = (raw[2 * pair + 1] >> 11) * 0x1p-53;                       \
        double radius = sqrt(-2 * log(u)), angle = v * 6.283185307179586;                                                \
        if (4 * i + 2 * pair < n) out[4 * i + 2 * pair] = (T)(radius * cos(angle));                                      \
        if (4 * i + 2 * pair + 1 < n) out[4 * i + 2 * pair + 1] = (T)(radius * sin(angle));                              \
      }                                                                                                                  \
    }                                                                                                                    \
    if (last_block(ticket)) stream[2] = first + (n + 3) / 4;                                                             \
  }                                                                                                                      \
  extern "C" __global__ void uniform_##NAME(T* out, unsigned long long* stream, long long n, unsigned* ticket) {         \
    unsigned long long first = stream[2], raw[4];                                                                        \
    EACH((n + 3) / 4) {                                                                                                  \
      philox(first + i + 1, stream[0], stream[1], raw);                                                                            \
      for (int j = 0; j < 4 && 4 * i + j < n; j++) out[4 * i + j] = (T)((raw[j] >> 40) * 0x1p-24);                       \
    }                                                                                                                    \
    if (last_block(ticket)) stream[2] = first + (n + 3) / 4;                                                             \
  }

ELEMENTWISE(fp32, float)
ELEMENTWISE(fp64, double)
