// SPDX-License-Identifier: MIT
// What the planted kernels share; the driver puts it before each file. PLANT(wrong, right) is the error, or the line as it should be.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned u32;
typedef unsigned long long u64;
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef float f32x4 __attribute__((ext_vector_type(4)));
#define ARGS const u32 *in, u32 *out, u32 *aux, u32 *gone, u32 *none, u32 n
#define KERNEL extern "C" __attribute__((global)) void
#define DEVICE static __attribute__((device))
#define APART static __attribute__((device, noinline))
#define SHARED __attribute__((shared)) static
#define GRAB(x) __asm__ volatile("v_mov_b32 %0, v99" : "=v"(x) : : "v99") /* a register that nobody wrote */
#if defined(__gfx908__) || defined(__gfx90a__) || defined(__gfx942__) || defined(__gfx950__) /* the last word of a buffer's descriptor */
#define FORMAT 0x00020000
#elif defined(__gfx1030__)
#define FORMAT 0x31014000
#else
#define FORMAT 0x31004000
#endif
#ifdef PLANTED
#define PLANT(wrong, right) wrong
#else
#define PLANT(wrong, right) right
#endif
DEVICE u32 me() { return __builtin_amdgcn_workitem_id_x(); }
DEVICE u32 group() { return __builtin_amdgcn_workgroup_id_x(); }
DEVICE void fence() { __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "workgroup"); }
DEVICE void barrier() { __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"); __builtin_amdgcn_s_barrier(); __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup"); }
DEVICE u32 add(u32 *at, u32 x) { return __hip_atomic_fetch_add(at, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); }
DEVICE u32 add_ordered(u32 *at, u32 x) { return __hip_atomic_fetch_add(at, x, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_AGENT); }
