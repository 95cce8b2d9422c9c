// Which element of an image an element of a matrix is, for the products of products.cu.
//
// A convolution is the product of a matrix whose rows are all windows of the images (im2col, ops/convolution.py) with
// the kernel. Here that matrix exists only as this mapping, struct Operands.

__device__ int ceil_div(int a, int b) { return (a + b - 1) / b; }

// x (n, h, w, c), y (n, oh, ow, o), kernel (kh, kw, c, o), strides (sh, sw), padding above and to the left.
struct Geometry {
  int n, h, w, c, oh, ow, o, kh, kw, sh, sw, top, left;
};

enum Kind { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT };

// A window: its image, and the image's row and column at which it starts (negative inside the padding).
struct Window {
  int first_row;  // rows of pixels before its image in the batch; negative if there is no such window
  int y, x;
};
// An element of a window: its row and column in the window, and its channel; negative if there is no such element.
struct Tap {
  int y, x, channel;
};

// An index with three digits, (image, row, column) or (row, column, channel), and the sizes of its lower two digits. It
// advances like an odometer, by additions: a division costs more than all that is done with its result.
struct Digits {
  int high, middle, low;
};
struct Sizes {
  int middle, low;
};
__device__ Digits to_digits(int index, Sizes sizes) {
  return {index / sizes.low / sizes.middle, index / sizes.low % sizes.middle, index % sizes.low};
}
__device__ void advance(Digits& index, Digits by, Sizes sizes) {
  index.low += by.low, index.middle += by.middle, index.high += by.high;
  if (index.low >= sizes.low) index.low -= sizes.low, index.middle++;
  if (index.middle >= sizes.middle) index.middle -= sizes.middle, index.high++;
}

// The three convolutions, where window (p, q) starts at row p*sh - top and column q*sw - left of the image:
//
//   FORWARD           y[n, p, q, o]  = sum of  x[n, p*sh + i - top, q*sw + j - left, c] * w[i, j, c, o]  over i, j, c
//   INPUT_GRADIENT    dx[n, u, v, c] = sum of  dy[n, p, q, o] * w[i, j, c, o]  over o and all p, q, i, j with
//                                      u = p*sh + i - top and v = q*sw + j - left
//   WEIGHT_GRADIENT   dw[i, j, c, o] = sum of  x[n, p*sh + i - top, q*sw + j - left, c] * dy[n, p, q, o]  over n, p, q
//
// Each is a product of two matrices, (rows x depth) times (depth x columns), gathered from the arrays a and b:
//
//                     a, b     rows              depth             columns
//   FORWARD           x, w     windows n, p, q   taps i, j, c      o
//   INPUT_GRADIENT    dy, w    pixels n, u, v    taps ti, tj, o    c          (one phase)
//   WEIGHT_GRADIENT   x, dy    taps i, j, c      windows n, p, q   o
//
// The input gradient (run forward, it is the transposed convolution) could add every window back into the image; many
// windows would then add to one pixel. Instead, every pixel asks which windows contained it. Pixels with the same
// remainder by the stride, a phase, meet the same taps, so each phase is an ordinary convolution with a part of the
// kernel: pixel r + s*u meets the taps i = i0 + s*t, with i0 = (r + top) mod s, from output row
// (r + top - i0) / s + u - t.
template <int KIND>
struct Operands {
  const Real *a, *b;
  Geometry g;
  int rows, depth, columns;
  // Of INPUT_GRADIENT: the phase (r above), its first tap (i0), its taps in a row, the output row and column of pixel 0
  // and tap 0, and the phase's pixels in an image.
  int phase_i, phase_j, tap_i, tap_j, taps_in_row, first_p, first_q, height, width;

  __device__ Operands(const Real* a, const Real* b, Geometry g, int phase) : a(a), b(b), g(g) {
    if (KIND == FORWARD) {
      rows = g.n * g.oh * g.ow, depth = g.kh * g.kw * g.c, columns = g.o;
    } else if (KIND == WEIGHT_GRADIENT) {
      rows = g.kh * g.kw * g.c, depth = g.n * g.oh * g.ow, columns = g.o;
    } else {
      phase_i = phase / g.sw, phase_j = phase % g.sw;
      tap_i = (phase_i + g.top) % g.sh, tap_j = (phase_j + g.left) % g.sw;
      int taps_in_column = tap_i < g.kh ? ceil_div(g.kh - tap_i, g.sh) : 0;
      taps_in_row = tap_j < g.kw ? ceil_div(g.kw - tap_j, g.sw) : 0;
      first_p = (phase_i + g.top - tap_i) / g.sh, first_q = (phase_j + g.left - tap_j) / g.sw;
      height = phase_i < g.h ? ceil_div(g.h - phase_i, g.sh) : 0;
      width = phase_j < g.w ? ceil_div(g.w - phase_j, g.sw) : 0;
      rows = g.n * height * width, depth = taps_in_column * taps_in_row * g.o, columns = g.c;
    }
  }

  // Windows are counted by (image, row, column), taps by (row, column, channel).
  __device__ Sizes window_sizes() const {
    if (KIND == INPUT_GRADIENT) return {height, width};
    return {g.oh, g.ow};
  }
  __device__ Sizes tap_sizes() const {
    if (KIND == INPUT_GRADIENT) return {taps_in_row, g.o};
    return {g.kw, g.c};
  }
  __device__ Window window(Digits index, bool exists) const {
    if (!exists) return {-1, 0, 0};
    if (KIND == INPUT_GRADIENT) return {index.high * g.oh, first_p + index.middle, first_q + index.low};
    return {index.high * g.h, index.middle * g.sh - g.top, index.low * g.sw - g.left};
  }
  __device__ Tap tap(Digits index, bool exists) const {
    if (!exists) return {0, 0, -1};
    if (KIND == INPUT_GRADIENT) return {-index.high, -index.middle, index.low};
    return {index.high, index.middle, index.low};
  }
  __device__ Window window(int index) const {
    bool exists = index < (KIND == WEIGHT_GRADIENT ? depth : rows);
    return window(exists ? to_digits(index, window_sizes()) : Digits{0, 0, 0}, exists);
  }
  __device__ Tap tap(int index) const {
    bool exists = index < (KIND == WEIGHT_GRADIENT ? rows : depth);
    return tap(exists ? to_digits(index, tap_sizes()) : Digits{0, 0, 0}, exists);
  }

  // An element of the first matrix, or null in the padding and outside the matrix.
  __device__ const Real* a_element(Window window, Tap tap) const {
    int image_height = KIND == INPUT_GRADIENT ? g.oh : g.h, image_width = KIND == INPUT_GRADIENT ? g.ow : g.w;
    int y = window.y + tap.y, x = window.x + tap.x;
    if (window.first_row < 0 || tap.channel < 0 || y < 0 || y >= image_height || x < 0 || x >= image_width)
      return nullptr;
    int channels = KIND == INPUT_GRADIENT ? g.o : g.c;
    return a + ((window.first_row + y) * image_width + x) * channels + tap.channel;
  }

  // Element (k, column) of the second matrix, or null outside of it; tap: that of k.
  __device__ const Real* b_element(int k, Tap tap, int column) const {
    if (k >= depth || column >= columns) return nullptr;
    if (KIND != INPUT_GRADIENT) return b + k * g.o + column;
    return b + (((tap_i - g.sh * tap.y) * g.kw + tap_j - g.sw * tap.x) * g.c + column) * g.o + tap.channel;
  }

  // The index of element (row, column) in the result.
  __device__ int result_index(int row, int column) const {
    if (KIND != INPUT_GRADIENT) return row * g.o + column;
    int image = row / (height * width), pixel = row % (height * width);
    int y = phase_i + g.sh * (pixel / width), x = phase_j + g.sw * (pixel % width);
    return ((image * g.h + y) * g.w + x) * g.c + column;
  }
};
