// CUDA on the CPU, for tests: one fiber for each thread of a block, so that barriers, exchanges within a warp,
// asynchronous copies and blocks that wait for each other behave as on a GPU. cuda_emulator.py includes it before the
// text of a .cu file.
//
// It aborts with a message if threads or blocks would wait forever, and at unaligned copies. Shared memory starts as
// NaN, and copies arrive only when they are waited for. It cannot see every race between barriers, nor any speed.
#pragma once
#define EMULATED
#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(...)
using std::cos, std::exp, std::fabs, std::log, std::log1p, std::pow, std::sin, std::sqrt, std::tanh;

struct Dimensions { unsigned x, y, z; };
static Dimensions threadIdx, blockIdx, blockDim, gridDim;

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, WAITING_FOR_GRID, DONE };
struct Copy { void* to; const void* from; int bytes; };
struct Fiber {
  ucontext_t start;
  jmp_buf position;
  std::vector<char> stack = std::vector<char>(96 * 1024);
  State state;
  bool started;
  Dimensions thread;
  std::deque<std::vector<Copy>> copies;  // groups of asynchronous copies, the last still open
};
struct Block {
  Dimensions index;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<unsigned char> shared;
  uint32_t exchange[32][32][6];  // what the threads of a warp exchange
};
static Block* block;
static int current;
static jmp_buf scheduler;
static std::function<void()> kernel_body;
#define shared_memory (block->shared.data())

[[noreturn]] static void fail(const char* what) {
  fprintf(stderr, "emulator: %s\n", what);
  abort();
}

static void run_fiber() {
  kernel_body();
  block->fibers[current]->state = DONE;
  _longjmp(scheduler, 1);
}

static void pause(State state) {
  Fiber& fiber = *block->fibers[current];
  fiber.state = state;
  if (_setjmp(fiber.position) == 0) _longjmp(scheduler, 1);
  threadIdx = block->fibers[current]->thread;
}

static void resume(int index) {
  current = index;
  Fiber& fiber = *block->fibers[index];
  threadIdx = fiber.thread, blockIdx = block->index;
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.position, 1);
  fiber.started = true;
  setcontext(&fiber.start);
}

// Run the block until all its threads are done (true), or all that are not wait for other blocks (false).
static bool run_block() {
  auto& fibers = block->fibers;
  for (;;) {
    bool moved = false;
    for (size_t i = 0; i < fibers.size(); i++)
      if (fibers[i]->state == READY) resume(i), moved = true;
    size_t done = 0, at_barrier = 0, waiting = 0;
    for (auto& fiber : fibers) {
      done += fiber->state == DONE, at_barrier += fiber->state == AT_BLOCK_BARRIER;
      waiting += fiber->state == WAITING_FOR_GRID;
    }
    if (done == fibers.size()) return true;
    for (size_t first = 0; first < fibers.size(); first += 32) {
      size_t last = std::min(first + 32, fibers.size()), alive = 0, at_warp = 0;
      for (size_t i = first; i < last; i++)
        alive += fibers[i]->state != DONE, at_warp += fibers[i]->state == AT_WARP_BARRIER;
      if (alive && alive == at_warp)
        for (size_t i = first; i < last; i++)
          if (fibers[i]->state == AT_WARP_BARRIER) fibers[i]->state = READY, moved = true;
    }
    if (at_barrier && at_barrier == fibers.size() - done)
      for (auto& fiber : fibers)
        if (fiber->state == AT_BLOCK_BARRIER) fiber->state = READY, moved = true;
    if (moved) continue;
    if (waiting) return false;
    fail("threads of a block wait at different barriers");
  }
}

static void launch(Dimensions grid, Dimensions threads, size_t shared_bytes) {
  gridDim = grid, blockDim = threads;
  static std::vector<std::unique_ptr<Block>> pool;
  std::vector<std::unique_ptr<Block>> suspended;
  auto give_back = [&](std::unique_ptr<Block> b) { pool.push_back(std::move(b)); };
  size_t count = threads.x * threads.y * threads.z;
  for (unsigned long long i = 0; i < 1ull * grid.x * grid.y * grid.z; i++) {
    std::unique_ptr<Block> fresh;
    if (pool.empty()) fresh.reset(new Block());
    else fresh = std::move(pool.back()), pool.pop_back();
    block = fresh.get();
    block->index = {unsigned(i % grid.x), unsigned(i / grid.x % grid.y), unsigned(i / grid.x / grid.y)};
    block->shared.assign(shared_bytes + 16, 0xff);  // NaN
    while (block->fibers.size() < count) block->fibers.emplace_back(new Fiber());
    block->fibers.resize(count);
    for (size_t t = 0; t < count; t++) {
      Fiber& fiber = *block->fibers[t];
      getcontext(&fiber.start);
      fiber.start.uc_stack.ss_sp = fiber.stack.data(), fiber.start.uc_stack.ss_size = fiber.stack.size();
      fiber.start.uc_link = nullptr;
      makecontext(&fiber.start, run_fiber, 0);
      fiber.state = READY, fiber.started = false, fiber.copies.assign(1, {});
      unsigned plane = t / threads.x;
      fiber.thread = {unsigned(t % threads.x), plane % threads.y, plane / threads.y};
    }
    if (run_block()) give_back(std::move(fresh));
    else suspended.push_back(std::move(fresh));
  }
  for (int round = 0; !suspended.empty(); round++) {
    if (round > 1000) fail("blocks wait for each other forever");
    for (size_t i = 0; i < suspended.size();) {
      block = suspended[i].get();
      for (auto& fiber : block->fibers)
        if (fiber->state == WAITING_FOR_GRID) fiber->state = READY;
      if (run_block()) give_back(std::move(suspended[i])), suspended.erase(suspended.begin() + i);
      else i++;
    }
  }
}

// ---- functions that kernels call -----------------------------------------------------------------------------------

static void __syncthreads() { pause(AT_BLOCK_BARRIER); }
static void __syncwarp() { pause(AT_WARP_BARRIER); }
static void __nanosleep(unsigned) { pause(WAITING_FOR_GRID); }
static void __threadfence() {}
static unsigned atomicAdd(unsigned* at, unsigned value) { unsigned old = *at; *at += value; return old; }
static unsigned atomicExch(unsigned* at, unsigned value) { unsigned old = *at; *at = value; return old; }
static unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}

template <int BYTES>
static void copy_async(void* to, const void* from) {
  if ((uintptr_t)to % BYTES || (uintptr_t)from % BYTES) fail("an asynchronous copy of an unaligned address");
  if ((unsigned char*)to < shared_memory || (unsigned char*)to + BYTES > shared_memory + block->shared.size())
    fail("an asynchronous copy outside of shared memory");
  block->fibers[current]->copies.back().push_back({to, from, BYTES});
}
static void commit_copies() { block->fibers[current]->copies.emplace_back(); }
template <int N>
static void wait_for_copies() {
  auto& groups = block->fibers[current]->copies;
  while (groups.size() > N + 1) {
    for (const Copy& copy : groups.front()) {
      if (copy.from) memcpy(copy.to, copy.from, copy.bytes);
      else memset(copy.to, 0, copy.bytes);
    }
    groups.pop_front();
  }
}

static float as_float(uint32_t bits) { float value; memcpy(&value, &bits, 4); return value; }
static uint32_t as_bits(float value) { uint32_t bits; memcpy(&bits, &value, 4); return bits; }
static uint32_t to_tf32(float x) { return (as_bits(x) + 0x1000) & 0xffffe000u; }
static uint32_t to_bf16(float x) { uint32_t b = as_bits(x); return (b + 0x7fff + (b >> 16 & 1)) >> 16; }
static uint32_t to_bf16x2(float low, float high) { return to_bf16(high) << 16 | to_bf16(low); }

// c += a * b, with the fragments of PTX ISA 9.7.14: g = lane / 4, t = lane % 4. a: rows g and g + 8, first for one half
// of the depth, then for the other; b: column g; c: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
// left(registers, row, k) and right(registers, k, column) find an element in the registers of the warp.
template <typename Left, typename Right>
static void mma(float c[4], const unsigned a[4], const unsigned b[2], int depth, Left left, Right right) {
  int warp = current / 32, lane = current % 32, g = lane / 4, t = lane % 4;
  for (int i = 0; i < 4; i++) block->exchange[warp][lane][i] = a[i];
  for (int i = 0; i < 2; i++) block->exchange[warp][lane][4 + i] = b[i];
  __syncwarp();
  for (int e = 0; e < 4; e++) {
    int row = g + 8 * (e / 2), column = 2 * t + e % 2;
    float sum = c[e];
    auto& registers = block->exchange[warp];
    for (int k = 0; k < depth; k++) sum += left(registers, row, k) * right(registers, k, column);
    c[e] = sum;
  }
  __syncwarp();
}
static void mma_tf32(float c[4], const unsigned a[4], const unsigned b[2]) {
  mma(c, a, b, 8,
      [](uint32_t x[32][6], int row, int k) { return as_float(x[row % 8 * 4 + k % 4][row / 8 + 2 * (k / 4)]); },
      [](uint32_t x[32][6], int k, int column) { return as_float(x[column * 4 + k % 4][4 + k / 4]); });
}
static float half_of(uint32_t pair, int high) { return as_float(high ? pair & 0xffff0000u : pair << 16); }
static void mma_bf16(float c[4], const unsigned a[4], const unsigned b[2]) {
  mma(c, a, b, 16,
      [](uint32_t x[32][6], int row, int k) {
        return half_of(x[row % 8 * 4 + k % 8 / 2][row / 8 + 2 * (k / 8)], k % 2);
      },
      [](uint32_t x[32][6], int k, int column) { return half_of(x[column * 4 + k % 8 / 2][4 + k / 8], k % 2); });
}

// ---- calling a kernel by name --------------------------------------------------------------------------------------

static std::map<std::string, std::function<void(void**)>>& kernels() {
  static std::map<std::string, std::function<void(void**)>> table;
  return table;
}
template <typename... A, size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
  kernel(*(A*)arguments[I]...);
}
template <typename... A>
static bool add_kernel(const char* name, void (*kernel)(A...)) {
  kernels()[name] = [kernel](void** arguments) { call(kernel, arguments, std::index_sequence_for<A...>()); };
  return true;
}
#define REGISTER_KERNEL(name) static bool added_##name = add_kernel(#name, name);

extern "C" void emulate(const char* name, const unsigned* grid, const unsigned* threads, size_t shared,
                        void** arguments) {
  auto& kernel = kernels().at(name);
  kernel_body = [&] { kernel(arguments); };
  launch({grid[0], grid[1], grid[2]}, {threads[0], threads[1], threads[2]}, shared);
}
