// SPDX-License-Identifier: MIT
// Accesses that leave their memory. in, out, aux: 256 dwords each; gone: freed; none: null.

//@ past_by_element
KERNEL past_by_element(ARGS) { out[me() + PLANT(193, 192)] = in[me()]; } // BUG: out_of_bounds "4 bytes past the end of "out""

//@ past_by_byte
KERNEL past_by_byte(ARGS) { ((u8 *)out)[PLANT(961, 960) + me()] = 7; } // BUG: out_of_bounds "1 byte past the end of "out""

//@ before_by_element
KERNEL before_by_element(ARGS) { out[(int)me() - PLANT(1, 0)] = in[me()]; } // BUG: out_of_bounds "4 bytes before the start of "out""

//@ before_by_byte
KERNEL before_by_byte(ARGS) { ((u8 *)out)[(int)me() - PLANT(1, 0)] = 7; } // BUG: out_of_bounds "1 byte before the start of "out""

//@ read_past
KERNEL read_past(ARGS) {
  u32 x = in[me() + PLANT(193, 192)]; // BUG: out_of_bounds ""in""
  out[me()] = x;
}

//@ read_before
KERNEL read_before(ARGS) {
  u32 x = in[(int)me() - PLANT(1, 0)]; // BUG: out_of_bounds "before the start of "in""
  out[me()] = x;
}

//@ short_past
KERNEL short_past(ARGS) {
  u16 x = ((const u16 *)in)[me() + PLANT(449, 448)]; // BUG: out_of_bounds "2 bytes past"
  out[me()] = x;
}

//@ vector_tail
KERNEL vector_tail(ARGS) {
  u32x4 x = *(const u32x4 *)(in + 4 * me() + PLANT(2, 0)); // BUG: out_of_bounds "8 bytes past the end of "in""
  out[me()] = x.x + x.y + x.z + x.w;
}

//@ vector_store_tail
KERNEL vector_store_tail(ARGS) {
  u32x2 x = {me(), n};
  *(u32x2 *)(out + 4 * me() + PLANT(3, 2)) = x; // BUG: out_of_bounds "write of"
}

//@ one_more_turn
KERNEL one_more_turn(ARGS) {
  for (u32 i = me(); i < n + PLANT(1, 0); i += 64)
    aux[i] = in[i]; // BUG: out_of_bounds ""in""
}

//@ read_only
KERNEL read_only(ARGS) {
  u32 *to = PLANT((u32 *)in, out);
  to[me()] = n; // BUG: out_of_bounds "write to memory that may only be read"
}

//@ null
KERNEL null(ARGS) {
  u32 *to = PLANT(none, out);
  to[me()] = n; // BUG: out_of_bounds "null pointer"
}

//@ null_read
KERNEL null_read(ARGS) {
  const u32 *from = PLANT(none, in);
  out[me()] = from[me() + 5]; // BUG: out_of_bounds "null pointer"
}

//@ freed
KERNEL freed(ARGS) {
  u32 *to = PLANT(gone, out);
  to[me()] = n; // BUG: out_of_bounds "freed memory"
}

//@ freed_read
KERNEL freed_read(ARGS) {
  const u32 *from = PLANT(gone, in);
  out[me()] = from[me()]; // BUG: out_of_bounds "freed memory"
}

//@ negative_index
KERNEL negative_index(ARGS) {
  int at = (int)in[me()] - PLANT(2, 1);
  out[me()] = in[at]; // BUG: out_of_bounds "before the start of "in""
}

//@ product_wraps
KERNEL product_wraps(ARGS) {
  u32 at = me() * PLANT(0x01000001u, 1u);
  out[at] = n; // BUG: out_of_bounds
}

//@ far_away
KERNEL far_away(ARGS) {
  u64 at = (u64)me() << PLANT(41, 1);
  out[at] = n; // BUG: out_of_bounds
}

//@ wrong_neighbour
KERNEL wrong_neighbour(ARGS) { aux[me() + PLANT(n, 0)] = in[me()]; } // BUG: out_of_bounds "past the end of "aux""

//@ inactive_lanes
KERNEL inactive_lanes(ARGS) {
  if (me() < PLANT(11, 10)) out[246 + me()] = n; // BUG: out_of_bounds "lane 10"
}

//@ uniform_read
KERNEL uniform_read(ARGS) {
  u32 x = in[n - PLANT(0, 1)]; // BUG: out_of_bounds ""in""
  out[me()] = x;
}

//@ atomic_past
KERNEL atomic_past(ARGS) { add(&out[me() + PLANT(193, 192)], 1); } // BUG: out_of_bounds ""out""

//@ second_workgroup grid=4
KERNEL second_workgroup(ARGS) {
  u32 i = group() * 64 + me();
  out[i + PLANT(1, 0)] = in[i]; // BUG: out_of_bounds "workgroup (3, 0, 0)"
}

//@ misaligned_atomic
KERNEL misaligned_atomic(ARGS) { add((u32 *)((u8 *)out + PLANT(2, 0)), me()); } // BUG: misaligned "multiple of 4"

//@ misaligned_wide_atomic
KERNEL misaligned_wide_atomic(ARGS) {
  __hip_atomic_fetch_add((u64 *)(out + PLANT(1, 2)), 5ull, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); // BUG: misaligned "multiple of 8"
}

//@ misaligned_lds_atomic
KERNEL misaligned_lds_atomic(ARGS) {
  SHARED u32 cells[64];
  cells[me()] = 0;
  barrier();
  __hip_atomic_fetch_add((u32 *)((u8 *)cells + PLANT(3, 4)), in[me()], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); // BUG: misaligned
  barrier();
  out[me()] = cells[me()];
}

//@ misaligned_load check=memory,align
KERNEL misaligned_load(ARGS) {
  u32 x = *(const u32 *)((const u8 *)in + 4 * me() + PLANT(1, 0)); // BUG: misaligned "multiple of 4"
  if (me() < 60) out[me()] = x;
}

//@ lds_past
KERNEL lds_past(ARGS) {
  SHARED volatile u32 cells[64];
  cells[me() + PLANT(1, 0)] = in[me()]; // BUG: lds_bounds "256 bytes"
  barrier();
  out[me()] = cells[63 - me()];
}

//@ lds_before
KERNEL lds_before(ARGS) {
  SHARED volatile u32 cells[64];
  cells[me()] = in[me()];
  barrier();
  out[me()] = cells[(int)me() - PLANT(1, 0)]; // BUG: lds_bounds "read of 4 bytes"
}

//@ lds_dynamic lds=512 block=128
KERNEL lds_dynamic(ARGS) {
  extern __attribute__((shared)) u32 more[];
  more[me() + PLANT(1, 0)] = in[me()]; // BUG: lds_bounds "512 dynamic ones"
  barrier();
  out[me()] = more[127 - me()];
}

//@ lds_dynamic_behind_static lds=256
KERNEL lds_dynamic_behind_static(ARGS) {
  extern __attribute__((shared)) u32 more[];
  SHARED volatile u32 cells[64];
  cells[me()] = in[me()];
  more[me()] = in[me()];
  barrier();
  out[me()] = cells[63 - me()] + more[64 - me() - PLANT(0, 1)]; // BUG: lds_bounds "256 of the kernel's own and 256 dynamic ones"
}

//@ scratch_past
KERNEL scratch_past(ARGS) {
  volatile u32 own[16];
  for (u32 i = 0; i < 16; i++) own[i] = in[i + me()];
  u32 x = own[(me() & 15) + PLANT(4096, 0)]; // BUG: scratch_bounds "a lane has"
  out[me()] = x;
}

//@ scratch_before
KERNEL scratch_before(ARGS) {
  volatile u32 own[16];
  for (u32 i = 0; i < 16; i++) own[i] = in[i + me()];
  own[(int)(me() & 15) - PLANT(4096, 0)] = 3; // BUG: scratch_bounds "write of 4 bytes"
  out[me()] = own[me() & 15];
}

//@ through_a_pointer
APART void put(u32 *at, u32 x) {
  *at = x; // BUG: out_of_bounds
}
KERNEL through_a_pointer(ARGS) {
  SHARED u32 cells[64];
  put(me() & 1 ? &cells[me()] : &out[me() + PLANT(256, 0)], n);
  barrier();
  out[64 + me()] = me() & 1 ? cells[me()] : 0;
}

//@ records_enlarged
KERNEL records_enlarged(ARGS) {
  __amdgpu_buffer_rsrc_t r = __builtin_amdgcn_make_buffer_rsrc(out, 0, PLANT(1028, 1024), FORMAT);
  __builtin_amdgcn_raw_buffer_store_b32(n, r, 4 * (me() + 193), 0, 0); // BUG: out_of_bounds "4 bytes past the end of "out""
}

//@ clamped check=memory,clamp
KERNEL clamped(ARGS) {
  __amdgpu_buffer_rsrc_t r = __builtin_amdgcn_make_buffer_rsrc(out, 0, 1024, FORMAT);
  __builtin_amdgcn_raw_buffer_store_b32(n, r, 4 * (me() + PLANT(193, 192)), 0, 0); // BUG: clamped "beyond the descriptor's 1024 bytes"
}
