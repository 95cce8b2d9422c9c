// Batch normalization, its gradient, and sums over rows: one kernel each.
//
// x is (groups, m, C): m values for each of C channels, in each of several groups that have their own statistics. A sum
// over the m rows takes two steps, with a grid barrier between them:
//
//   1. The rows are divided into chunks. A block sums its chunk and writes the sums to `partial` (sum_chunk).
//   2. After the barrier, every block adds up the sums of all chunks, in the same order and in double (sum_all_chunks),
//      and uses them for its own rows. That is cheaper than a second launch, and gives the same bits every time.
//
// A block is (32, height) threads: 32 neighbouring channels, which a warp reads as one stretch of memory, and `height`
// rows at a time. The grid is (strips of 32 channels, chunks, groups).

#include "common.cuh"

// Loop over this block's strips of channels; c is the thread's channel. Threads of the last strip may have no channel
// (c >= channels), but they take part in the sums, which need the whole block.
#define FOR_CHANNEL_STRIPS(c, channels) \
  for (int c = blockIdx.x * 32 + threadIdx.x; c - (int)threadIdx.x < channels; c += gridDim.x * 32)

// The block's chunk of the m rows: the index-th of count, rows first, ..., last - 1.
struct Chunk {
  int index, count, first, last;
  __device__ Chunk(int m) : index(blockIdx.y), count(gridDim.y) {
    first = (int)((long long)m * index / count), last = (int)((long long)m * (index + 1) / count);
  }
};

// Sum `one` and `two` over the rows of the block; every thread gets the sums of its column. Halves are added to halves:
// five additions deep for 32 rows, and always in the same order.
template <typename T>
__device__ void sum_rows_of_block(T& one, T& two) {
  T* buffer = (T*)shared_memory;  // (2, height, 32)
  const int height = blockDim.y;
  T *ones = buffer + threadIdx.x, *twos = ones + height * 32;
  __syncthreads();  // earlier sums have been read
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

// Step 1: two sums over the rows of this block's chunk. add_terms(row, one, two) adds the terms of a row; sums: (2, C)
template <typename F>
__device__ void sum_chunk(int c, int channels, Chunk chunk, Real* sums, F add_terms) {
  Real one = 0, two = 0;
  if (c < channels)
#pragma unroll 4
    for (int row = chunk.first + threadIdx.y; row < chunk.last; row += blockDim.y) add_terms(row, one, two);
  sum_rows_of_block(one, two);
  if (threadIdx.y == 0 && c < channels) sums[c] = one, sums[channels + c] = two;
}

// Step 2: both sums over all chunks. partial: (chunks, 2, C)
__device__ void sum_all_chunks(const Real* partial, int chunks, int channels, int c, double& one, double& two) {
  one = two = 0;
  if (c < channels)
    for (int chunk = threadIdx.y; chunk < chunks; chunk += blockDim.y)
      one += partial[chunk * 2 * channels + c], two += partial[(chunk * 2 + 1) * channels + c];
  sum_rows_of_block(one, two);
}

// Batch normalization in training mode, with an optional LeakyReLU after it (a slope of 1 is none):
//
//   y = LeakyReLU(gamma * (x - mean) * inv_std + beta),  inv_std = 1 / sqrt(var + eps)
//
// mean and var are those of the group's m rows; mean, inv_std (groups, C) are outputs. For each group in turn, the
// running statistics become (1 - momentum) * running + momentum * new, with the unbiased variance var * m / (m - 1).
//
// The sums are taken about the first row's value x0, which is near the mean: mean = x0 + sum(x - x0) / m, and
// var = sum((x - x0)^2) / m - (mean - x0)^2 does not cancel where sum(xhat2) / m - mean^2 would.
extern "C" __global__ void __launch_bounds__(1024)
    batch_norm(const Real* x, const Real* gamma, const Real* beta, Real* running_mean, Real* running_var, Real* y,
               Real* mean, Real* inv_std, Real* partial, unsigned* barrier, int m, int channels, double eps,
               double momentum, double slope) {
  int group = blockIdx.z, groups = gridDim.z;
  Chunk chunk(m);
  const Real* rows = x + (long long)group * m * channels;
  Real* y_rows = y + (long long)group * m * channels;

  // 1. Sums of x - x0 and of its square, over the block's chunk.
  FOR_CHANNEL_STRIPS(c, channels) {
    Real x0 = c < channels ? rows[c] : 0;
    sum_chunk(c, channels, chunk, partial + (group * chunk.count + chunk.index) * 2 * channels,
              [&](int row, Real& sum, Real& squares) {
                Real centred = rows[(long long)row * channels + c] - x0;
                sum += centred, squares += centred * centred;
              });
  }
  grid_barrier(barrier, gridDim.x * gridDim.y * gridDim.z);

  // 2. The statistics of a group, from the sums of all chunks.
  auto statistics = [&](int of_group, int c, double& mu, double& var) {
    double sum, squares;
    sum_all_chunks(partial + (long long)of_group * chunk.count * 2 * channels, chunk.count, channels, c, sum, squares);
    sum /= m;
    mu = c < channels ? (double)x[(long long)of_group * m * channels + c] + sum : 0;
    var = squares / m - sum * sum;
    if (var < 0) var = 0;  // by rounding
  };
  FOR_CHANNEL_STRIPS(c, channels) {
    double mu, var;
    statistics(group, c, mu, var);
    Real scale = (Real)(1 / sqrt(var + eps)), center = (Real)mu;
    bool writes = chunk.index == 0 && threadIdx.y == 0 && c < channels;  // one thread for each channel of a group
    if (writes) mean[group * channels + c] = center, inv_std[group * channels + c] = scale;

    // 3. The running statistics, moved by one group after another: the blocks of the first group do that.
    if (chunk.index == 0 && group == 0) {
      double new_mean = writes ? running_mean[c] : 0, new_var = writes ? running_var[c] : 0;
      for (int g = 0; g < groups; g++) {
        statistics(g, c, mu, var);
        new_mean += momentum * (mu - new_mean);
        new_var += momentum * (var * m / (m - 1) - new_var);
      }
      if (writes) running_mean[c] = (Real)new_mean, running_var[c] = (Real)new_var;
    }

    // 4. Normalize the rows of the chunk: one multiplication and one addition each.
    if (c >= channels) continue;
    scale *= gamma[c];
    Real offset = beta[c];
#pragma unroll 4
    for (int row = chunk.first + threadIdx.y; row < chunk.last; row += blockDim.y) {
      long long i = (long long)row * channels + c;
      Real value = (rows[i] - center) * scale + offset;
      y_rows[i] = leaky(value, (Real)slope);
    }
  }
}

// The gradient of batch normalization. With xhat = (x - mean) * inv_std and d = dy before the activation,
//
//   dgamma += sum(d * xhat)      dbeta += sum(d)      over the rows of all groups
//   dx = gamma * inv_std * (d - sum(d) / m - xhat * sum(d * xhat) / m)      with the sums of its own group
//
// The two terms that are subtracted are what x changes through the mean and through the variance of its channel. In
// evaluation mode (train 0) both are constants, and dx = gamma * inv_std * d.
// y: the output if a LeakyReLU came after the normalization, else null; its sign tells the side of the kink. dx, dgamma
// and dbeta: null if not needed.
extern "C" __global__ void __launch_bounds__(1024)
    batch_norm_grad(const Real* x, const Real* y, const Real* dy, const Real* mean, const Real* inv_std,
                    const Real* gamma, Real* dx, Real* dgamma, Real* dbeta, Real* partial, unsigned* barrier, int m,
                    int channels, double slope, int train) {
  int group = blockIdx.z, groups = gridDim.z;
  Chunk chunk(m);
  long long start = (long long)group * m * channels;
  auto before_activation = [&](long long i) { return !y || y[i] > 0 ? dy[i] : (Real)slope * dy[i]; };

  // 1. Sums of d and of d * (x - mean), over the block's chunk.
  FOR_CHANNEL_STRIPS(c, channels) {
    Real center = c < channels ? mean[group * channels + c] : 0;
    sum_chunk(c, channels, chunk, partial + (group * chunk.count + chunk.index) * 2 * channels,
              [&](int row, Real& sum, Real& sum_with_x) {
                long long i = start + (long long)row * channels + c;
                Real d = before_activation(i);
                sum += d, sum_with_x += d * (x[i] - center);
              });
  }
  grid_barrier(barrier, gridDim.x * gridDim.y * gridDim.z);

  FOR_CHANNEL_STRIPS(c, channels) {
    double sum, sum_with_x;
    // 2. dgamma and dbeta, over all groups: the first block of the strip adds them.
    if (dgamma && chunk.index == 0 && group == 0) {
      bool writes = threadIdx.y == 0 && c < channels;
      double total = 0, total_with_x = 0;
      for (int g = 0; g < groups; g++) {
        sum_all_chunks(partial + (long long)g * chunk.count * 2 * channels, chunk.count, channels, c, sum, sum_with_x);
        total += sum, total_with_x += sum_with_x * (writes ? inv_std[g * channels + c] : 0);
      }
      if (writes) dbeta[c] += (Real)total, dgamma[c] += (Real)total_with_x;
    }
    if (!dx) continue;

    // 3. dx for the rows of the chunk. xhat * sum(d * xhat) = (x - mean) * sum(d * (x - mean)) * inv_std^2.
    sum_all_chunks(partial + (long long)group * chunk.count * 2 * channels, chunk.count, channels, c, sum, sum_with_x);
    if (c >= channels) continue;
    Real inv = inv_std[group * channels + c], scale = gamma[c] * inv, center = mean[group * channels + c];
    Real mean_d = train ? (Real)(sum / m) : 0, slope_x = train ? (Real)(sum_with_x * inv * inv / m) : 0;
#pragma unroll 4
    for (int row = chunk.first + threadIdx.y; row < chunk.last; row += blockDim.y) {
      long long i = start + (long long)row * channels + c;
      dx[i] = (before_activation(i) - mean_d - (x[i] - center) * slope_x) * scale;
    }
  }
}

// out = sum of the rows, or (add) out += their sum. rows: (m, C)
extern "C" __global__ void __launch_bounds__(1024)
    sum_rows(const Real* rows, Real* out, int add, Real* partial, unsigned* barrier, int m, int channels) {
  Chunk chunk(m);
  FOR_CHANNEL_STRIPS(c, channels)
    sum_chunk(c, channels, chunk, partial + chunk.index * 2 * channels,
              [&](int row, Real& sum, Real&) { sum += rows[(long long)row * channels + c]; });
  grid_barrier(barrier, gridDim.x * gridDim.y);
  FOR_CHANNEL_STRIPS(c, channels) {
    if (chunk.index != 0) continue;
    double sum, unused;
    sum_all_chunks(partial, chunk.count, channels, c, sum, unused);
    if (c < channels && threadIdx.y == 0) out[c] = (Real)(add ? out[c] + sum : sum);
  }
}
