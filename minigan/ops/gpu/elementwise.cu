// Activations, losses, metrics, batches of images, Adam and random numbers: one kernel each.
//
// Most kernels are a loop over n numbers. The threads take them in turn (a grid-stride loop): a grid of any size covers
// them all, and neighbouring threads read neighbouring addresses.
//
// A CUDA graph replays its kernels with the same arguments. What changes from step to step (Adam's step count, the
// counter of the random stream, the cursor into the epoch) is therefore kept on the device, and the kernel that uses it
// advances it: last_block finds the block that finishes last, when all others have read the old value.

#include "common.cuh"

#define FOR_EACH(i, n)                                                                             \
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (n);                    \
       i += (long long)gridDim.x * blockDim.x)

// True in one thread of the last block to call it. ticket: a zero in global memory, which counts the blocks and is
// reset to zero.
__device__ bool last_block(unsigned* ticket) {
  __syncthreads();  // the whole block has read the old value
  if (threadIdx.x != 0) return false;
  __threadfence();
  unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
  if (atomicAdd(ticket, 1u) != blocks - 1) return false;
  atomicExch(ticket, 0u);
  return true;
}

// ---- activations ---------------------------------------------------------------------------------------------------

// y = x where x > 0, slope * x elsewhere
extern "C" __global__ void leaky_relu(const Real* x, Real* y, double slope, long long n) {
  FOR_EACH(i, n) y[i] = leaky(x[i], (Real)slope);
}

// dx = dy where y > 0, slope * dy elsewhere; y, the output, has the sign of x
extern "C" __global__ void leaky_relu_grad(const Real* y, const Real* dy, Real* dx, double slope, long long n) {
  FOR_EACH(i, n) dx[i] = y[i] > 0 ? dy[i] : (Real)slope * dy[i];
}

// y = tanh x
extern "C" __global__ void tanh_forward(const Real* x, Real* y, long long n) { FOR_EACH(i, n) y[i] = tanh(x[i]); }

// dx = dy * (1 - y^2)
extern "C" __global__ void tanh_grad(const Real* y, const Real* dy, Real* dx, long long n) {
  FOR_EACH(i, n) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

// y = LeakyReLU(gamma * (x - mean) * inv_std + beta): batch normalization with statistics that are given.
// x, y (groups, m, C), n numbers in all; mean, inv_std (groups, C)
extern "C" __global__ void normalize(const Real* x, const Real* mean, const Real* inv_std, const Real* gamma,
                                     const Real* beta, Real* y, double slope, long long m, int channels, long long n) {
  FOR_EACH(i, n) {
    int c = i % channels, s = i / channels / m * channels + c;
    Real value = (x[i] - mean[s]) * (gamma[c] * inv_std[s]) + beta[c];
    y[i] = leaky(value, (Real)slope);
  }
}

// ---- losses and metrics: one block of 256 threads ------------------------------------------------------------------

// 1 / (1 + e^-x), without overflow of e^-x where x is very negative
__device__ Real sigmoid(Real x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

// The sum of `value` over the block. Halves are added to halves, in the same order every time.
template <typename T>
__device__ T block_sum(T value) {
  T* buffer = (T*)shared_memory;
  __syncthreads();  // an earlier sum has been read
  buffer[threadIdx.x] = value;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) buffer[threadIdx.x] += buffer[threadIdx.x + half];
    __syncthreads();
  }
  return buffer[0];
}

// Binary cross entropy on logits l with targets t, an array or (targets null) one number for all:
//   loss = mean(max(l, 0) - l * t + log(1 + e^-|l|)), which never overflows
//   gradient = (sigmoid(l) - t) / n
// An infinite logit has the limit of its term: 0 if the target is its side, otherwise infinity.
extern "C" __global__ void bce_with_logits(const Real* logits, const Real* targets, double target, Real* loss,
                                           Real* gradient, int n) {
  Real sum = 0;
  for (int i = threadIdx.x; i < n; i += 256) {
    Real l = logits[i], t = targets ? targets[i] : (Real)target;
    if (l - l == 0)
      sum += (l > 0 ? l : 0) - l * t + log1p(exp(-fabs(l)));
    else if (l != l || (l > 0 ? t != 1 : t != 0))
      sum += fabs(l);  // infinity, or NaN
    gradient[i] = (sigmoid(l) - t) / n;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = sum / n;
}

// Least squares of predictions p and targets t, given as above:
//   loss = mean((p - t)^2) / 2,  gradient = (p - t) / n
extern "C" __global__ void least_squares(const Real* predictions, const Real* targets, double target, Real* loss,
                                         Real* gradient, int n) {
  Real sum = 0;
  for (int i = threadIdx.x; i < n; i += 256) {
    Real error = predictions[i] - (targets ? targets[i] : (Real)target);
    sum += error * error;
    gradient[i] = error / n;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) *loss = sum / n / 2;
}

// totals (4) += mean D(real), mean D(fake), accuracy on real, accuracy on fake, where D is the discriminator's output
// or, if `logistic`, its sigmoid; "real" means an output above the threshold.
extern "C" __global__ void add_discriminator_metrics(double* totals, const Real* real, const Real* fake, int logistic,
                                                     double threshold, int n_real, int n_fake) {
  for (int is_fake = 0; is_fake < 2; is_fake++) {
    int n = is_fake ? n_fake : n_real;
    double sum = 0, correct = 0;
    for (int i = threadIdx.x; i < n; i += 256) {
      Real output = is_fake ? fake[i] : real[i];
      if (logistic) output = sigmoid(output);
      sum += output, correct += (output > (Real)threshold) != is_fake;
    }
    sum = block_sum(sum), correct = block_sum(correct);
    if (threadIdx.x == 0) totals[is_fake] += sum / n, totals[2 + is_fake] += correct / n;
  }
}

// ---- kernels that advance a counter on the device ------------------------------------------------------------------

// out = images[order[cursor]], ..., images[order[cursor + count - 1]] times scale plus offset; then cursor += count.
// images: uint8, `size` numbers each
extern "C" __global__ void next_images(const unsigned char* images, const long long* order, long long* cursor,
                                       Real* out, double scale, double offset, int count, int size, unsigned* ticket) {
  long long first = *cursor;
  FOR_EACH(i, (long long)count * size) {
    Real value = images[order[first + i / size] * size + i % size];
    out[i] = value * (Real)scale + (Real)offset;
  }
  if (last_block(ticket)) *cursor = first + count;
}

// One step of Adam (Kingma and Ba 2015) over n parameters:
//   t += 1      m = beta1 * m + (1 - beta1) * g      v = beta2 * v + (1 - beta2) * g^2
//   value -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
// The corrections for t are computed in double: in float, 1 - 0.999 has only four correct digits.
extern "C" __global__ void adam(Real* values, const Real* grads, Real* m, Real* v, double* t, const double* lr,
                                double beta1, double beta2, double eps, long long n, unsigned* ticket) {
  double t_new = *t + 1;
  Real step_size = (Real)(*lr / (1 - pow(beta1, t_new))), correction = (Real)(1 / sqrt(1 - pow(beta2, t_new)));
  Real b1 = (Real)beta1, b2 = (Real)beta2, one_minus_b1 = (Real)(1 - beta1), one_minus_b2 = (Real)(1 - beta2);
  FOR_EACH(i, n) {
    Real g = grads[i], m_new = b1 * m[i] + one_minus_b1 * g, v_new = b2 * v[i] + one_minus_b2 * g * g;
    m[i] = m_new, v[i] = v_new;
    values[i] -= step_size * m_new / (sqrt(v_new) * correction + (Real)eps);
  }
  if (last_block(ticket)) *t = t_new;
}

// ---- random numbers, the same as NumPy's Philox --------------------------------------------------------------------

// Philox 4x64 with 10 rounds (Salmon et al. 2011): four random 64-bit numbers, a function of the key and the counter.
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

// n standard normal numbers from pairs of uniform ones, u in (0, 1] and v in [0, 1) (Box and Muller 1958):
//   sqrt(-2 log u) * cos(2 pi v),  sqrt(-2 log u) * sin(2 pi v)
// stream: {key, key, blocks of four numbers used so far}
extern "C" __global__ void normal(Real* out, unsigned long long* stream, long long n, unsigned* ticket) {
  unsigned long long first = stream[2], raw[4];
  FOR_EACH(i, (n + 3) / 4) {
    philox(first + i + 1, stream[0], stream[1], raw);
    for (int pair = 0; pair < 2; pair++) {
      double u = ((raw[2 * pair] >> 11) + 1) * 0x1p-53, v = (raw[2 * pair + 1] >> 11) * 0x1p-53;
      double radius = sqrt(-2 * log(u)), angle = v * 6.283185307179586;
      if (4 * i + 2 * pair < n) out[4 * i + 2 * pair] = (Real)(radius * cos(angle));
      if (4 * i + 2 * pair + 1 < n) out[4 * i + 2 * pair + 1] = (Real)(radius * sin(angle));
    }
  }
  if (last_block(ticket)) stream[2] = first + (n + 3) / 4;
}

// n uniform numbers in [0, 1), multiples of 2^-24
extern "C" __global__ void uniform(Real* out, unsigned long long* stream, long long n, unsigned* ticket) {
  unsigned long long first = stream[2], raw[4];
  FOR_EACH(i, (n + 3) / 4) {
    philox(first + i + 1, stream[0], stream[1], raw);
    for (int j = 0; j < 4 && 4 * i + j < n; j++) out[4 * i + j] = (Real)((raw[j] >> 40) * 0x1p-24);
  }
  if (last_block(ticket)) stream[2] = first + (n + 3) / 4;
}
