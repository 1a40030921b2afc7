// SPDX-License-Identifier: MIT
// What one work item computes from its inputs. hiprtc compiles this for the emulated GPU, and test_emulator_objects.c includes it as
// plain C: the results agree bit by bit, whatever the optimisation. One operation a cast where C could keep more precision.
#ifdef __HIP__
#define DEVICE __attribute__((device))
#define CALLED __attribute__((device, noinline))
#define ITEM(name)                                                                                                       \
  DEVICE u64 item_##name(const u32 *in, u32 i);                                                                          \
  extern "C" __attribute__((global)) void name(const u32 *in, u64 *out) {                                                \
    u32 i = __builtin_amdgcn_workgroup_id_x() * __builtin_amdgcn_workgroup_size_x() + __builtin_amdgcn_workitem_id_x();  \
    out[i] = item_##name(in, i);                                                                                         \
  }                                                                                                                      \
  DEVICE u64 item_##name(const u32 *in, u32 i)
#else
#define DEVICE static
#define CALLED static
#define ITEM(name) static u64 item_##name(const u32 *in, u32 i)
#endif
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;
__extension__ typedef _Float16 f16;

DEVICE u64 mix(u64 hash, u64 value) { return (hash ^ value) * 0x100000001b3ull; }
DEVICE u64 bits32(float f) {
  u32 u;
  __builtin_memcpy(&u, &f, 4);
  return f != f ? 0x7fc00000 : u;
}
DEVICE u64 bits64(double d) {
  u64 u;
  __builtin_memcpy(&u, &d, 8);
  return d != d ? 0x7ff8000000000000ull : u;
}
DEVICE float number(u32 u) { /* many magnitudes, denormals, zeros and infinities among them */
  float f;
  u32 kept = u % 13 == 0 ? u & 0x80ffffffu : u % 11 == 0 ? (u & 0x80000000u) | 0x7f800000u : u % 7 == 0 ? (u & 0x80000000u) : u;
  __builtin_memcpy(&f, &kept, 4);
  return f;
}
DEVICE float modest(u32 u) { return (float)(i32)u * 0x1p-24f; }
DEVICE u64 turned(u64 v) { /* bytes in the other order; by hand, because LLVM 21 loses two of them on gfx11 at -O0 */
  v = v >> 32 | v << 32;
  v = (v >> 16 & 0x0000ffff0000ffffull) | (v & 0x0000ffff0000ffffull) << 16;
  return (v >> 8 & 0x00ff00ff00ff00ffull) | (v & 0x00ff00ff00ff00ffull) << 8;
}
DEVICE u64 wide(const u32 *in, u32 i) { return (u64)in[i] << 32 | in[i + 64]; }

ITEM(divide32) {
  u32 a = in[i], b = in[i + 1] >> in[i + 2] % 31 | 1;
  i32 s = (i32)(a | 1), t = (i32)b == -1 ? 3 : (i32)b;
  u64 h = mix(mix(a / b, a % b), (u32)(s / t));
  return mix(mix(mix(h, (u32)(s % t)), a / 1000 + a % 7), (u32)(s / -641) ^ (u32)(s % 10));
}

ITEM(divide64) {
  u64 a = wide(in, i), b = wide(in, i + 1) >> in[i + 2] % 63 | 1;
  i64 s = (i64)(a | 1), t = (i64)b == -1 ? 3 : (i64)b;
  u64 h = mix(mix(a / b, a % b), (u64)(s / t));
  return mix(mix(h, (u64)(s % t)), a / 1000003);
}

ITEM(whole) {
  u64 a = wide(in, i), b = wide(in, i + 3);
  u32 n = in[i + 5] & 63;
  u64 h = mix(a * b, (a << n) ^ (b >> n) ^ (u64)((i64)a >> n));
  h = mix(h, (u64)__builtin_popcountll(a) + (u64)__builtin_ctzll(b | 1ull << 50) * 64 + (u64)__builtin_clzll(a | 1) * 4096);
  h = mix(h, turned(a) + ((i64)a < (i64)b) + 2 * (a < b) + 4 * (a == b));
  h = mix(h, (u64)((i64)(i32)in[i] * (i32)in[i + 1]) >> 32);
  return mix(h, (u64)in[i] * in[i + 1] + (in[i] >> 5 & 0x1ff) + (u32)((i32)(in[i] << 3) >> 20));
}

ITEM(narrow) {
  u8 a = (u8)in[i], b = (u8)in[i + 1];
  u16 c = (u16)in[i + 2], d = (u16)(in[i + 3] >> 16);
  signed char s = (signed char)in[i + 4];
  short t = (short)in[i + 5];
  u64 h = mix((u8)(a + b), (u8)(a * b) + ((u32)(u8)(a - b) << 8));
  h = mix(h, (u16)(c * (u32)d) + ((u32)(u16)(c - d) << 16));
  h = mix(h, (u64)(i64)(s * t) + (u64)(i64)(s < t ? s : t) + (u64)(t / (s | 1)));
  return mix(h, (u64)(a > b ? a : b) + (u64)(u16)(c << (a & 15)) + (u64)(i64)(short)(t >> (b & 15)));
}

ITEM(single) {
  float a = number(in[i]), b = number(in[i + 1]), c = modest(in[i + 2]), d = modest(in[i + 3]);
  u64 h = mix(mix(bits32(a + b), bits32(a * b)), mix(bits32(a - c), bits32(a / b)));
  h = mix(h, mix(bits32(c / d), bits32(__builtin_sqrtf(c * c))));
  h = mix(h, bits32(__builtin_floorf(c)) + bits32(__builtin_ceilf(d)) + bits32(__builtin_truncf(c)) + bits32(__builtin_rintf(d)));
  h = mix(h, bits32(__builtin_fmaf(c, d, a)) + (a < b) + 2 * (a >= b) + 4 * (a != b));
  h = mix(h, (u64)(i64)(i32)c + (u32)(i32)(d * 100.0f) + bits32((float)in[i]) + bits32((float)(i32)in[i]));
  h = mix(h, bits32((float)wide(in, i)) + bits32((float)(i64)wide(in, i + 1)) + (u64)(i64)(c * 1e15f));
  return mix(h, bits32(a < b ? a : b) + bits32(__builtin_fabsf(a)) + bits32(__builtin_copysignf(c, a)));
}

ITEM(twofold) {
  double a = (double)number(in[i]) * 0x1p900, b = (double)number(in[i + 1]), c = (double)(i64)wide(in, i) * 0x1p-40, d = modest(in[i + 3]);
  u64 h = mix(mix(bits64(a + b), bits64(a * b)), mix(bits64(a * a), bits64(a / b)));
  h = mix(h, mix(bits64(c / d), bits64(__builtin_sqrt(c * c + d * d))));
  h = mix(h, bits64(__builtin_floor(c)) + bits64(__builtin_rint(d)) + bits64(__builtin_fma(c, d, b)) + bits64((double)wide(in, i)));
  h = mix(h, bits32((float)c) + bits32((float)a) + (u64)(i64)c + (u64)(i32)d + bits64((double)in[i + 7]));
  return mix(h, bits64(a * 0x1p-1000 * 0x1p-900) + bits64(c * 0x1p-1000 * 0x1p-30) + (a < b) + 2 * (c > d));
}

ITEM(half) {
  f16 a = (f16)modest(in[i]), b = (f16)modest(in[i + 1]), c = (f16)(modest(in[i + 2]) * 0x1p-18f);
  f16 sum = (f16)((float)a + (float)b), product = (f16)((float)a * (float)c), huge = (f16)((float)a * 0x1p10f);
  u64 h = mix(bits32((float)sum), bits32((float)product) & 0x7fffffff); /* -O0 makes a sum with +0 of the product */
  h = mix(h, bits32((float)huge) + bits32((float)c) + (u64)(i32)(float)a);
  return mix(h, (u64)(a < b) + 2 * (u64)(sum > product) + bits32((float)(a < b ? b : a)));
}

ITEM(choose) {
  u32 v = in[i];
  for (u32 n = 0; n < (in[i + 1] & 7); n++) {
    switch (v % 9) {
      case 0: v += 1; break;
      case 1: v *= 3; break;
      case 2: v -= i; /* fall through */
      case 3: v ^= 0x5555; break;
      case 4: if (v & 64) continue; v <<= 1; break;
      case 5: v >>= 1; break;
      case 6: v = ~v; break;
      case 7: return v;
      default: v |= 7;
    }
    v = v * 1664525 + 1013904223;
  }
  return v;
}

/* Arrays that stay in private memory, because what is asked for is known at run time only. */
ITEM(arrays) {
  u32 a[40];
  u8 c[32];
  u16 s[16];
  double d[6];
  for (u32 k = 0; k < 40; k++) a[k] = in[i + k];
  for (u32 k = 0; k < 40; k++) {
    u32 j = a[k] % 40, t = a[j];
    a[j] = a[39 - k];
    a[39 - k] = t;
  }
  for (u32 k = 0; k < 32; k++) c[k] = (u8)(a[k] * 3);
  for (u32 k = 0; k < 16; k++) s[k] = (u16)(c[a[k] & 31] * a[k]);
  for (u32 k = 0; k < 6; k++) d[k] = modest(a[k]);
  u64 h = bits64(d[a[7] % 6]);
  for (u32 k = 0; k < 40; k++) h = mix(h, a[k] + c[a[k] & 31] + s[a[(k * 7) % 40] & 15]);
  return h;
}

CALLED u32 fibonacci(u32 n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
CALLED u32 depth(u32 *trail, u32 n) {
  u32 here[4] = {n, *trail, n ^ 5, 1};
  return n == 0 ? *trail : depth(&here[n & 3], n - 1) + here[*trail & 3];
}
ITEM(recurse) { u32 start = in[i]; return mix(fibonacci(in[i] % 11), depth(&start, in[i + 1] % 9)); }

CALLED u32 add_one(u32 v) { return v + 1; }
CALLED u32 triple(u32 v) { return v * 3; }
CALLED u32 flip(u32 v) { return v ^ 0x5a5a; }
ITEM(indirect) {
  u32 (*const functions[])(u32) = {add_one, triple, flip};
  return mix(functions[in[i] % 3](in[i]), functions[in[i + 1] % 3](i));
}
