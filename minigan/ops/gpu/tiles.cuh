// Tiles: how a block copies parts of two matrices into shared memory, and multiplies them.
//
//   struct Tile       the part of the result that a block computes, and the copies of its operands
//   PlainSums         multiplies with ordinary arithmetic (fp32, fp64)
//   TensorCoreSums    multiplies on the tensor cores (tf32, bf16)

// ---- instructions (tests/support/cuda_emulator.h has them for the CPU) ---------------------------------------------

#ifndef EMULATED
// Copy BYTES from global to shared memory without waiting for them; zeros if `from` is null.
template <int BYTES>
__device__ void copy_async(void* to, const void* from) {
  unsigned address = (unsigned)__cvta_generic_to_shared(to);
  int size = from ? BYTES : 0;
  from = from ? from : to;  // not read if size is 0, but it must be an address
  if (BYTES == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(size));
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(address), "l"(from), "r"(size), "n"(BYTES));
}
// The thread's copies since the last call form a group.
__device__ void commit_copies() { asm volatile("cp.async.commit_group;"); }
// Wait until at most the last N groups are still on their way.
template <int N>
__device__ void wait_for_copies() { asm volatile("cp.async.wait_group %0;" ::"n"(N)); }

// x rounded to tf32: 10 bits of mantissa, in the bits of a float.
__device__ unsigned to_tf32(float x) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}
// Two numbers rounded to bf16, 7 bits of mantissa, in one register.
__device__ unsigned to_bf16x2(float low, float high) {
  unsigned bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
// c (16x8) += a (16x8) * b (8x8) on the tensor cores: one warp together, each thread with its part of the matrices.
__device__ void mma_tf32(float c[4], const unsigned a[4], const unsigned b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// c (16x8) += a (16x16) * b (16x8)
__device__ void mma_bf16(float c[4], const unsigned a[4], const unsigned b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

// ---- tiles ---------------------------------------------------------------------------------------------------------

// A block of 8 warps computes ROWS x COLUMNS numbers of the result, DEPTH deep at a time. Shared memory has room for
// STAGES slices of both operands: while one is multiplied, the others are on their way.
//
// A slice keeps the order of the images, so that neighbours in memory are copied together: along k for the forward pass
// and the input gradient, along the rows for the weight gradient. Its rows are padded by 4 or 8 numbers (A_STRIDE,
// B_STRIDE), so that the 32 reads of a warp fall into 32 different banks.
template <int KIND, int TILE_COLUMNS>
struct Tile {
  static const int ROWS = 128, COLUMNS = TILE_COLUMNS, DEPTH = sizeof(Real) == 8 ? 16 : 32, STAGES = 3, THREADS = 256;
  static const bool A_BY_ROW = KIND != WEIGHT_GRADIENT;    // a[row][k], else a[k][row]
  static const bool B_BY_COLUMN = KIND == INPUT_GRADIENT;  // b[column][k], else b[k][column]
  static const int A_WIDTH = A_BY_ROW ? DEPTH : ROWS, A_HEIGHT = A_BY_ROW ? ROWS : DEPTH;
  static const int B_WIDTH = B_BY_COLUMN ? DEPTH : COLUMNS, B_HEIGHT = B_BY_COLUMN ? COLUMNS : DEPTH;
  static const int A_STRIDE = A_WIDTH + (A_BY_ROW ? 4 : 8), B_STRIDE = B_WIDTH + (B_BY_COLUMN ? 4 : 8);
  static const int A_SIZE = A_HEIGHT * A_STRIDE, B_SIZE = B_HEIGHT * B_STRIDE;

  static __device__ Real a(const Real* slice, int row, int k) {
    return slice[A_BY_ROW ? row * A_STRIDE + k : k * A_STRIDE + row];
  }
  static __device__ Real b(const Real* slice, int k, int column) {
    return slice[B_BY_COLUMN ? column * B_STRIDE + k : k * B_STRIDE + column];
  }

  // How the threads divide the copies of a slice: VECTOR neighbours at once (as many as 16 bytes hold, or 1), PER_ROW
  // vectors to a row. A thread copies the same columns of COUNT rows that are STEP apart.
  template <int VECTOR>
  struct Copies {
    static const int A_PER_ROW = A_WIDTH / VECTOR, A_STEP = THREADS / A_PER_ROW, A_COUNT = A_HEIGHT / A_STEP;
    static const int B_PER_ROW = B_WIDTH / VECTOR, B_STEP = THREADS / B_PER_ROW;
    static const int B_COUNT = (B_HEIGHT + B_STEP - 1) / B_STEP;
  };

  // Start copying slice `first_k` of the first operand. With vectors, the caller knows the windows and the tap of this
  // thread's copies; without, they are computed here.
  template <int VECTOR>
  static __device__ void load_a(Real* slice, const Operands<KIND>& operands, int first_row, int first_k,
                                const Window* windows, Tap tap) {
    using C = Copies<VECTOR>;
    int column = threadIdx.x % C::A_PER_ROW * VECTOR, row = threadIdx.x / C::A_PER_ROW;  // of the slice
    if (VECTOR == 1) tap = operands.tap((A_BY_ROW ? first_k : first_row) + column);
#pragma unroll
    for (int i = 0; i < C::A_COUNT; i++, row += C::A_STEP) {
      Window window = VECTOR > 1 ? windows[i] : operands.window((A_BY_ROW ? first_row : first_k) + row);
      copy_async<VECTOR * sizeof(Real)>(slice + row * A_STRIDE + column, operands.a_element(window, tap));
    }
  }
  // The same for the second operand.
  template <int VECTOR>
  static __device__ void load_b(Real* slice, const Operands<KIND>& operands, int first_k, int first_column, Tap tap) {
    using C = Copies<VECTOR>;
    int column = threadIdx.x % C::B_PER_ROW * VECTOR, row = threadIdx.x / C::B_PER_ROW;
    if (B_BY_COLUMN && VECTOR == 1) tap = operands.tap(first_k + column);
#pragma unroll
    for (int i = 0; i < C::B_COUNT; i++, row += C::B_STEP)
      if (row < B_HEIGHT)
        copy_async<VECTOR * sizeof(Real)>(
            slice + row * B_STRIDE + column,
            B_BY_COLUMN ? operands.b_element(first_k + column, tap, first_column + row)
                        : operands.b_element(first_k + row, tap, first_column + column));
  }
};

// The tile's sums, spread over the threads of the block. Without tensor cores, a thread has 4 neighbouring columns of
// every ROW_STEP-th row: for each k it reads 4 numbers of b and uses each of them for all of its rows.
template <class Tile>
struct PlainSums {
  static const int THREADS_PER_ROW = Tile::COLUMNS / 4, ROW_STEP = Tile::THREADS / THREADS_PER_ROW;
  static const int COUNT = Tile::ROWS / ROW_STEP;
  Real sums[COUNT][4];

  __device__ void clear() {
#pragma unroll
    for (int i = 0; i < COUNT; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) sums[i][j] = 0;
  }
  // sums += a slice of the first operand times the slice of the second
  __device__ void multiply(const Real* a, const Real* b) {
    int row = threadIdx.x / THREADS_PER_ROW, column = threadIdx.x % THREADS_PER_ROW * 4;
#pragma unroll 4
    for (int k = 0; k < Tile::DEPTH; k++) {
      Real right[4];
#pragma unroll
      for (int j = 0; j < 4; j++) right[j] = Tile::b(b, k, column + j);
#pragma unroll
      for (int i = 0; i < COUNT; i++) {
        Real left = Tile::a(a, row + i * ROW_STEP, k);
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] += left * right[j];
      }
    }
  }
  // store(row, column, sum) for each sum of this thread
  template <typename F>
  __device__ void for_each(F store) {
    int row = threadIdx.x / THREADS_PER_ROW, column = threadIdx.x % THREADS_PER_ROW * 4;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) store(row + i * ROW_STEP, column + j, sums[i][j]);
  }
};

// With tensor cores, a warp has a patch of DOWN x ACROSS fragments of 16x8 numbers. The thread with g = lane / 4 and
// t = lane % 4 holds, of one fragment, a at rows g and g + 8, b at column g, and the sums at columns 2t and 2t + 1 of
// rows g and g + 8. Along the depth it holds t and t + 4 of 8 (tf32), or 2t, 2t + 1, 2t + 8 and 2t + 9 of 16 (bf16).
template <class Tile>
struct TensorCoreSums {
  static const int WARPS_ACROSS = Tile::COLUMNS >= 64 ? 2 : 1, WARPS_DOWN = 8 / WARPS_ACROSS;
  static const int DOWN = Tile::ROWS / WARPS_DOWN / 16, ACROSS = Tile::COLUMNS / WARPS_ACROSS / 8;
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
          int r = row + 16 * i + 8 * (e % 2), k_tf32 = k + t + 4 * (e / 2), k_bf16 = k + 2 * t + 8 * (e / 2);
          left[i][e] = PRECISION == TF32 ? to_tf32(Tile::a(a, r, k_tf32))
                                         : to_bf16x2(Tile::a(a, r, k_bf16), Tile::a(a, r, k_bf16 + 1));
        }
#pragma unroll
      for (int j = 0; j < ACROSS; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int c = column + 8 * j, k_tf32 = k + t + 4 * e, k_bf16 = k + 2 * t + 8 * e;
          right[j][e] = PRECISION == TF32 ? to_tf32(Tile::b(b, k_tf32, c))
                                          : to_bf16x2(Tile::b(b, k_bf16, c), Tile::b(b, k_bf16 + 1, c));
        }
#pragma unroll
      for (int i = 0; i < DOWN; i++)
#pragma unroll
        for (int j = 0; j < ACROSS; j++) {
          if (PRECISION == TF32) mma_tf32(sums[i][j], left[i], right[j]);
          else mma_bf16(sums[i][j], left[i], right[j]);
        }
    }
  }
  template <typename F>
  __device__ void for_each(F store) {
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

#if PRECISION == TF32 || PRECISION == BF16
template <class Tile>
using Sums = TensorCoreSums<Tile>;
#else
template <class Tile>
using Sums = PlainSums<Tile>;
#endif
