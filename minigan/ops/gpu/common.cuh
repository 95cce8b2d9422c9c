// What the three files of kernels share: the number type and the grid barrier.
//
// A file is compiled once for each precision that is used, with -DPRECISION=FP32, TF32, BF16 or FP64 (launch.py). TF32
// and BF16 differ from FP32 in products.cu only: there they round the factors and use the tensor cores.
// All arrays are contiguous and channels-last.
#define FP32 1
#define TF32 2
#define BF16 3
#define FP64 4

#if PRECISION == FP64
typedef double Real;
#else
typedef float Real;
#endif

#ifndef EMULATED
extern __shared__ __align__(16) unsigned char shared_memory[];  // as many bytes as the launch requests
#endif

// LeakyReLU: x where x > 0, slope * x elsewhere. A slope of 0 gives max(x, 0): 0 * -infinity is not a number.
__device__ inline Real leaky(Real x, Real slope) { return x > 0 || x != x ? x : slope > 0 ? slope * x : 0; }

// Grid barrier: no thread passes it before all blocks have arrived, and then each sees what the others wrote before it.
// "Sum everything, then use the sum" is one launch this way instead of two. All blocks must run at the same time, or
// the first would wait for ever: launch.py starts at most one block for each multiprocessor.
//
// barrier: two numbers in global memory, 0 at first: {arrivals, generation}. The last block to arrive resets the
// arrivals and increments the generation, which is what the others wait for: the barrier is ready to be used again.
__device__ void grid_barrier(unsigned* barrier, unsigned blocks) {
  __syncthreads();  // the whole block has written its results
  if (threadIdx.x == 0 && threadIdx.y == 0) {
    __threadfence();  // they are visible to the other blocks before the arrival is
    unsigned* arrivals = barrier;
    volatile unsigned* generation = barrier + 1;
    unsigned current = *generation;  // read before arriving: after that, it may change at any time
    __threadfence();
    if (atomicAdd(arrivals, 1u) == blocks - 1) {
      atomicExch(arrivals, 0u);  // ready for the next barrier, before any block can reach it
      __threadfence();
      atomicAdd(barrier + 1, 1u);  // release the others
    } else {
      while (*generation == current) __nanosleep(20);
    }
    __threadfence();  // nothing after the barrier is read before it
  }
  __syncthreads();
}
