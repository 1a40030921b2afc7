// SPDX-License-Identifier: MIT
// The line that a report must name: in helpers, macros, loops, templates.

//@ in_a_helper
DEVICE u32 mixed(const u32 *p, u32 i) {
  u32 a = p[i] * 3;
  if (a & 1) a += p[255 - i];
  u32 b = p[i + PLANT(200, 100)]; // BUG: out_of_bounds "inlined into in_a_helper at"
  return a ^ b;
}
KERNEL in_a_helper(ARGS) {
  u32 x = mixed(in, me() & 31);
  out[me()] = x + mixed(in, me());
}

//@ in_an_accessor targets=gfx9
DEVICE u32 get(const u32 *p, u32 i) { return p[i]; }
KERNEL in_an_accessor(ARGS) {
  u32 x = get(in, me());
  u32 y = get(in, me() + PLANT(193, 192)); // BUG: out_of_bounds "(get at lines.hip:17, inlined into in_an_accessor at lines.hip:20)"
  out[me()] = x ^ y;
}

//@ in_a_macro targets=gfx9
#define STORE(p, i, x) do { (p)[i] = (x); } while (0)
KERNEL in_a_macro(ARGS) {
  STORE(out, me(), n);
  STORE(out, me() + PLANT(193, 192), n); // BUG: out_of_bounds
}

//@ in_a_clause targets=gfx11,gfx12
KERNEL in_a_clause(ARGS) {
  STORE(out, me(), n); // BUG: out_of_bounds "near lines.hip:33"
  STORE(out, me() + PLANT(193, 192), n);
}

//@ in_a_loop
KERNEL in_a_loop(ARGS) {
  u32 sum = 0;
  for (u32 i = 0; i < in[me()] + PLANT(0x100, 0); i++) {
    sum += aux[i]; // BUG: out_of_bounds ""aux""
    if (i > 190 + PLANT(0x1000, 0)) break;
  }
  out[me()] = sum;
}

//@ two_deep
DEVICE void deepest(u32 *p, u32 i, u32 x) { p[i] = x; }
DEVICE void middle(u32 *p, u32 i, u32 x) {
  if (x & 1) deepest(p, i, x * 5);
  deepest(p, i + PLANT(193, 192), x); // BUG: out_of_bounds "deepest at lines.hip:48, inlined into middle at lines.hip:51, inlined into two_deep at lines.hip:54"
}
KERNEL two_deep(ARGS) {
  middle(out, me(), in[me()]);
}

//@ in_a_template targets=gfx9
template <int D> struct shifted { static __attribute__((device)) u32 from(const u32 *p) { return p[me() + D]; } };
KERNEL in_a_template(ARGS) {
  u32 x = shifted<64>::from(in);
  x += shifted<PLANT(193, 192)>::from(in); // BUG: out_of_bounds "inlined into in_a_template"
  out[me()] = x;
}

//@ not_inlined
APART u32 far_sum(const u32 *p, u32 i) {
  u32 sum = 0;
  for (u32 k = 0; k < 4; k++)
    sum += p[i + k]; // BUG: out_of_bounds
  return sum;
}
KERNEL not_inlined(ARGS) { out[me()] = far_sum(in, PLANT(5, 1) * me()); }

//@ barrier_in_a_helper block=128
DEVICE void meet() { __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup"); __builtin_amdgcn_s_barrier(); __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup"); }
KERNEL barrier_in_a_helper(ARGS) {
  out[me()] = in[me()];
  meet(); // OTHER
  out[128 + me()] = out[127 - me()];
  if (PLANT(me() >= 64, 0)) return; // BUG: barrier
  meet(); // OTHER
  out[me()] = n;
}

//@ several_statements block=128
KERNEL several_statements(ARGS) {
  SHARED volatile u32 cells[128];
  u32 x = in[me()];
  cells[me()] = x; // OTHER
  PLANT(, barrier());
  u32 y = cells[me() ^ 64]; // BUG: race
  out[me()] = y;
}
