// gemm for gfx1100; what fa-gen emits carries no condition
// fa-gen emit kernel=gemm target=gfx1100 dtype_q=bf16 dtype_kv=bf16 dtype_o=bf16 alignment=16 head_dim_qk=64 head_dim_v=64
//   mask=none gqa_pack=0 features=none functions=none rounding=nearest_even lse=natural
//   block_m=64 block_n=32 waves=4 stages=2 schedule=plain
// schedule < * > |; compile with -O3; templates ----------------

typedef unsigned u32;
typedef unsigned short u16;
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef u32 u32x8 __attribute__((ext_vector_type(8)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef short short16 __attribute__((ext_vector_type(16)));

#define DEVICE static inline __attribute__((device, always_inline))
#define FOR(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)
#define INF __builtin_inff()
#define KEEP_ORDER() __builtin_amdgcn_sched_barrier(0) // the scheduler moves nothing across

DEVICE int min_i32(int a, int b) { return a < b ? a : b; }
DEVICE u32 other_half(u32 x) { // the value of lane ^ 16, one VALU instruction (with both flags the old value is not wanted: no copy)
  return __builtin_amdgcn_permlanex16(0, x, 0x76543210u, 0xfedcba98u, true, true);
}
DEVICE u32 low2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x05040100u); }  // low halves of a and b
DEVICE u32 high2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x07060302u); } // high halves
DEVICE u32 pack2(float a, float b) { // two values to bf16, nearest even; the low half of a NaN that comes of bf16 inputs is 0, so it stays one
  u32 x = __builtin_bit_cast(u32, a), y = __builtin_bit_cast(u32, b);
  x += ((x >> 16) & 1u) + 0x7fffu;
  y += ((y >> 16) & 1u) + 0x7fffu;
  return __builtin_amdgcn_perm(y, x, 0x07060302u);
}

// A buffer resource bounds every access: what lies behind its last byte reads 0, and writes there are dropped.
typedef __amdgpu_buffer_rsrc_t rsrc_t;
DEVICE rsrc_t buffer(const void* base, int bytes) {
  return __builtin_amdgcn_make_buffer_rsrc((void*)base, 0, bytes, 0x31004000);
}
DEVICE int rows_bytes(int count, int stride_bytes, int row_bytes) { // from the first row to the last one's last element
  return count > 0 ? (count - 1) * stride_bytes + row_bytes : 0;
}
DEVICE rsrc_t rows(const void* first, int count, int stride_bytes, int row_bytes) {
  return buffer(first, rows_bytes(count, stride_bytes, row_bytes));
}
DEVICE u32x2 buffer_read8(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b64(r, at, 0, 0); }
DEVICE u32x4 buffer_read16(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b128(r, at, 0, 0); }
DEVICE u32x8 buffer_read32(rsrc_t r, int at) {
  u32x4 low = buffer_read16(r, at), high = buffer_read16(r, at + 16);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
DEVICE void buffer_write4(rsrc_t r, int at, u32 x) { __builtin_amdgcn_raw_buffer_store_b32(x, r, at, 0, 0); }

#define LDS __attribute__((address_space(3)))
__attribute__((shared, aligned(16))) char lds_memory[10240];
DEVICE LDS char* lds_at(int at) { return (LDS char*)lds_memory + at; }
DEVICE u32x4 lds_read16(int at) { return *(LDS u32x4*)lds_at(at); }
DEVICE u32x8 lds_read32(int at) {
  u32x4 low = lds_read16(at), high = lds_read16(at + 16);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
DEVICE void lds_write8(int at, u32x2 x) { *(LDS u32x2*)lds_at(at) = x; }
DEVICE void lds_barrier() { // what the workgroup wrote to LDS is visible behind it; loads from global memory stay in flight
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}

extern "C" __attribute__((global, amdgpu_flat_work_group_size(128, 128))) void gemm(
    const u16* a_base, const u16* b_base, u16* c_base, long a_stride_row, long b_stride_row, long c_stride_row, int m, int n, int k) {
  const int thread = __builtin_amdgcn_workitem_id_x(), lane = thread % 32, wave = __builtin_amdgcn_readfirstlane(thread / 32);
  const int group = lane / 16, row_lane = group; // lanes that share a column of the accumulator; this lane's part of a row
  // this workgroup's 64 of m, this wave's 16, this lane's first
  const int m_first = __builtin_amdgcn_workgroup_id_x() * 64, m_wave = m_first + wave * 16, m_row = m_wave + lane % 16;
  const u32 program = __builtin_amdgcn_workgroup_id_y() + __builtin_amdgcn_workgroup_id_z() * 65535u; // of ceil_div(n, 64)
  if (program >= (u32)(((n + 64 - 1) / 64))) return;
  const int program_0 = program;

  f32x8 sum[4];
  FOR(b, 4) FOR(r, 8) sum[b][r] = 0.0f;
  const int k_stop = k;
  const int k_full = k;

  // b: LDS 0 .. 5119, and the second buffer 5120 further on; rows of 80 bytes
  int b_read_16 = lane % 16 * 80;
  // pieces of 4 rows x 4 columns, rows in the order of the other operand's registers, dealt to the threads
  int b_from, b_to;
  {
    const int piece = thread, column = (piece >> 3) % 16, quad = piece % 8 + (piece >> 3) / 16 * 8;
    const int row = (quad & 1 ? 4 : 0) + (quad & 2 ? 8 : 0) + (quad & 4 ? 16 : 0);
    b_from = row * (int)b_stride_row * 2 + column * 8;
    b_to = column * 320 + quad * 8;
  }
  // the tile that is fetched next
  const u16* b_next = b_base + program_0 * 64;
  // bytes of a whole tile, and of the one that the end cuts
  int b_bytes = rows_bytes(32, (int)b_stride_row * 2, min_i32(n - program_0 * 64, 64) * 2);
  const int b_cut_bytes = rows_bytes(k_stop % 32, (int)b_stride_row * 2, min_i32(n - program_0 * 64, 64) * 2);

  const int k_tiles = (k_stop + 31) / 32; // tiles that hold something
  const int k_whole_tiles = k_stop / 32, k_full_tiles = k_full / 32; // of whole tiles; of tiles that need no mask

  // prologue: the first tiles
  {
    if (__builtin_expect(0 >= k_whole_tiles, 0)) { // what is at or behind the end is not read
      b_bytes = 0 == k_whole_tiles ? b_cut_bytes : 0;
    }
    u32x2 b_stage[4];
    const rsrc_t b_rsrc = buffer(b_next, b_bytes);
    FOR(j, 4) b_stage[j] = buffer_read8(b_rsrc, b_from + j * 2 * (int)b_stride_row);
    b_next += b_stride_row * 32;
    FOR(w, 2) { // turn 4 rows x 2 columns
      const u32 r0 = b_stage[0][w], r1 = b_stage[1][w], r2 = b_stage[2][w], r3 = b_stage[3][w];
      lds_write8(b_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
      lds_write8(b_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
    }
    lds_barrier();
  }
  int turn = 5120; // bytes from one buffer to the other
  b_to += turn;
  for (int tile = 0; tile < k_tiles; ++tile) {
    // ---- load the next tile; the wait for it stands behind this tile's products
    if (__builtin_expect(tile >= k_whole_tiles - 1, 0)) { // what is at or behind the end is not read
      b_bytes = tile == k_whole_tiles - 1 ? b_cut_bytes : 0;
    }
    u32x2 b_stage[4];
    const rsrc_t b_rsrc = buffer(b_next, b_bytes);
    FOR(j, 4) b_stage[j] = buffer_read8(b_rsrc, b_from + j * 2 * (int)b_stride_row);
    b_next += b_stride_row * 32;
    KEEP_ORDER();
    // ---- product
    // a: this wave's rows as the operand of wmma_16x16x16
    const u16* a_tile = a_base + (long)m_first * a_stride_row + (long)tile * 32;
    const rsrc_t a_rsrc = rows(a_tile, min_i32(m - m_first, 64), (int)a_stride_row * 2, min_i32(k - tile * 32, 32) * 2);
    u32x8 a_0[2];
    FOR(c, 2) a_0[c] = buffer_read32(a_rsrc, (c * 32) < min_i32(k - tile * 32, 32) * 2 ? (m_row - m_first) * (int)a_stride_row * 2 + c * 32 : 0x7ffffff0);
    FOR(c, 2) {
      FOR(b, 4) { // rows of b, transposed
        const u32x8 b_operand = lds_read32(b_read_16 + c * 32 + b * 1280);
        sum[b] = __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(__builtin_bit_cast(short16, b_operand), __builtin_bit_cast(short16, a_0[c]), sum[b]);
      }
    }
    KEEP_ORDER();
    FOR(w, 2) { // turn 4 rows x 2 columns
      const u32 r0 = b_stage[0][w], r1 = b_stage[1][w], r2 = b_stage[2][w], r3 = b_stage[3][w];
      lds_write8(b_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
      lds_write8(b_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
    }
    lds_barrier();
    // the buffers change places
    b_read_16 += turn;
    b_to -= turn;
    turn = -turn;
  }
  u16* c_tile = c_base + (long)m_first * c_stride_row + program_0 * 64;
  const rsrc_t c_rsrc = rows(c_tile, min_i32(m - m_first, 64), (int)c_stride_row * 2, min_i32(n - program_0 * 64, 64) * 2);
  // from the tile's first row; a row behind the end goes behind every buffer, so that a stride of 0 does no harm
  const int c_at = m_row < m ? (m_row - m_first) * (int)c_stride_row * 2 : 0x7ffff000;
  // c: two neighbours of a row at a time, one of them from the other half of the wave
  FOR(b, 4) FOR(i, 4) {
    const int column = b * 16 + 4 * i + 2 * group;
    const u32 own = pack2(sum[b][2 * i], sum[b][2 * i + 1]);
    const u32 other = other_half(own);
    buffer_write4(c_rsrc, column * 2 < min_i32(n - program_0 * 64, 64) * 2 ? c_at + column * 2 : 0x7ffffff0, group ? high2(other, own) : low2(own, other));
  }
}
