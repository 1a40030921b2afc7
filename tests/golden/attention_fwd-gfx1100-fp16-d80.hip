// attention_fwd for gfx1100; what fa-gen emits carries no condition
// fa-gen emit kernel=attention_fwd target=gfx1100 dtype_q=fp16 dtype_kv=fp16 dtype_o=fp16 alignment=16 head_dim_qk=80 head_dim_v=80
//   mask=none gqa_pack=0 features=none functions=none rounding=nearest_even lse=natural
//   block_m=80 block_n=32 waves=5 stages=2 schedule=plain
// schedule < * > |; compile with -O3; templates ----------------

typedef unsigned u32;
typedef unsigned short u16;
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef u32 u32x8 __attribute__((ext_vector_type(8)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef _Float16 half2 __attribute__((ext_vector_type(2)));
typedef _Float16 half16 __attribute__((ext_vector_type(16)));

#define DEVICE static inline __attribute__((device, always_inline))
#define FOR(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)
#define INF __builtin_inff()
#define ROW(r) (2 * r) // row of the accumulator in register r; row_lane adds the lane's part
#define KEEP_ORDER() __builtin_amdgcn_sched_barrier(0) // the scheduler moves nothing across

DEVICE float exp2(float x) { return __builtin_amdgcn_exp2f(x); }
DEVICE float log2(float x) { return __builtin_amdgcn_logf(x); }
DEVICE float fabs(float x) { return __builtin_fabsf(x); }
DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE float max(float a, float b) { return __builtin_fmaxf(a, b); }
DEVICE int min_i32(int a, int b) { return a < b ? a : b; }
DEVICE bool any_lane(bool x) { return __builtin_amdgcn_ballot_w32(x) != 0; }
DEVICE f32x8 kept_zero() { // a zero that the compiler does not see, and so does not make anew in every tile
  f32x8 zero = 0.0f;
  asm("" : "+v"(zero));
  return zero;
}
DEVICE u32 other_half(u32 x) { // the value of lane ^ 16, one VALU instruction (with both flags the old value is not wanted: no copy)
  return __builtin_amdgcn_permlanex16(0, x, 0x76543210u, 0xfedcba98u, true, true);
}
DEVICE float lane_xor16(float x) { return __builtin_bit_cast(float, other_half(__builtin_bit_cast(u32, x))); }
DEVICE float over_groups_max(float x) { // over the lanes that share a column of the accumulator
  x = max(x, lane_xor16(x));
  return x;
}
DEVICE float over_groups_sum(float x) { // over the lanes that share a column of the accumulator
  x = x + lane_xor16(x);
  return x;
}
DEVICE u32 low2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x05040100u); }  // low halves of a and b
DEVICE u32 high2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x07060302u); } // high halves
DEVICE u32 pack2(float a, float b) { // two values to fp16, nearest even
  half2 x = {(_Float16)a, (_Float16)b};
  return __builtin_bit_cast(u32, x);
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
__attribute__((shared, aligned(16))) char lds_memory[26112];
DEVICE LDS char* lds_at(int at) { return (LDS char*)lds_memory + at; }
DEVICE u32x4 lds_read16(int at) { return *(LDS u32x4*)lds_at(at); }
DEVICE u32x8 lds_read32(int at) {
  u32x4 low = lds_read16(at), high = lds_read16(at + 16);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
}
DEVICE void lds_write8(int at, u32x2 x) { *(LDS u32x2*)lds_at(at) = x; }
DEVICE void lds_write16(int at, u32x4 x) { *(LDS u32x4*)lds_at(at) = x; }
DEVICE void lds_barrier() { // what the workgroup wrote to LDS is visible behind it; loads from global memory stay in flight
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}

extern "C" __attribute__((global, amdgpu_flat_work_group_size(160, 160))) void attention_fwd(
    const u16* q_base, const u16* k_base, const u16* v_base, u16* o_base, float* lse_base, long q_stride_batch, long q_stride_seq,
    long q_stride_head, long k_stride_batch, long k_stride_seq, long k_stride_head, long v_stride_batch, long v_stride_seq,
    long v_stride_head, long o_stride_batch, long o_stride_seq, long o_stride_head, int batch, int seqlen_q, int seqlen_k, int heads_q,
    int heads_k, float softmax_scale) {
  const int thread = __builtin_amdgcn_workitem_id_x(), lane = thread % 32, wave = __builtin_amdgcn_readfirstlane(thread / 32);
  const int group = lane / 16, row_lane = group; // lanes that share a column of the accumulator; this lane's part of a row
  // this workgroup's 80 of seqlen_q, this wave's 16, this lane's first
  const int q_first = __builtin_amdgcn_workgroup_id_x() * 80, q_wave = q_first + wave * 16, q_row = q_wave + lane % 16;
  const u32 program = __builtin_amdgcn_workgroup_id_y() + __builtin_amdgcn_workgroup_id_z() * 65535u; // of batch * heads_q
  if (program >= (u32)(batch * heads_q)) return;
  const int heads_q_index = program % (u32)heads_q;
  const int batch_index = program / (u32)heads_q;

  const int head_k = heads_q_index / (heads_q / heads_k);
  const float scale_log2 = max(fabs(softmax_scale) * 1.44269504f, 1.17549435e-38f);
  const int row_stop = seqlen_k;
  // q: this wave's rows as the operand of wmma_16x16x16, for the whole kernel
  const u16* q_tile = q_base + batch_index * q_stride_batch + heads_q_index * q_stride_head + (long)q_first * q_stride_seq;
  const rsrc_t q_rsrc = rows(q_tile, min_i32(seqlen_q - q_first, 80), (int)q_stride_seq * 2, 160);
  u32x8 q_0[5];
  FOR(c, 5) q_0[c] = buffer_read32(q_rsrc, (q_row - q_first) * (int)q_stride_seq * 2 + c * 32);
  const u32 q_flip = softmax_scale < 0.0f ? 0x80008000u : 0u; // the sign bits of two values
  FOR(c, 5) q_0[c] ^= q_flip;
  float row_max = -3e+38f;
  float row_sum = 0.0f;
  f32x8 o[5];
  FOR(b, 5) FOR(r, 8) o[b][r] = 0.0f;
  const int kv_stop = seqlen_k;
  const int kv_full = seqlen_k;

  // k: LDS 0 .. 6655, and the second buffer 13056 further on; rows of 208 bytes
  int k_read_16 = lane % 16 * 208;
  // pieces of 16 bytes, dealt to the threads: from an offset in the tile to an LDS address
  const int k_column = thread % 10, k_row = (thread / 10 & ~7) | (thread / 10 << 1 & 7) | (thread / 10 & 7) >> 2; // in an order that spreads a phase's rows over the banks
  const int k_from = k_row * (int)k_stride_seq * 2 + k_column * 16;
  int k_to = k_row * 208 + k_column * 16;
  // the tile that is fetched next
  const u16* k_next = k_base + batch_index * k_stride_batch + head_k * k_stride_head;
  // bytes of a whole tile, and of the one that the end cuts
  int k_bytes = rows_bytes(32, (int)k_stride_seq * 2, 160);
  const int k_cut_bytes = rows_bytes(kv_stop % 32, (int)k_stride_seq * 2, 160);

  // v: LDS 6656 .. 13055, and the second buffer 13056 further on; rows of 80 bytes
  int v_read_16 = lane % 16 * 80 + 6656;
  // pieces of 4 rows x 4 columns, rows in the order of the other operand's registers, dealt to the threads
  int v_from, v_to;
  {
    const int piece = thread, column = (piece >> 3) % 20, quad = piece % 8 + (piece >> 3) / 20 * 8;
    const int row = (quad & 1 ? 8 : 0) + (quad & 2 ? 1 : 0) + (quad & 4 ? 16 : 0);
    v_from = row * (int)v_stride_seq * 2 + column * 8;
    v_to = column * 320 + quad * 8 + 6656;
  }
  // the tile that is fetched next
  const u16* v_next = v_base + batch_index * v_stride_batch + head_k * v_stride_head;
  // bytes of a whole tile, and of the one that the end cuts
  int v_bytes = rows_bytes(32, (int)v_stride_seq * 2, 160);
  const int v_cut_bytes = rows_bytes(kv_stop % 32, (int)v_stride_seq * 2, 160);

  const int kv_tiles = (kv_stop + 31) / 32; // tiles that hold something
  const int kv_whole_tiles = kv_stop / 32, kv_full_tiles = kv_full / 32; // of whole tiles; of tiles that need no mask

  // prologue: the first tiles
  {
    if (__builtin_expect(0 >= kv_whole_tiles, 0)) { // what is at or behind the end is not read
      k_bytes = 0 == kv_whole_tiles ? k_cut_bytes : 0;
      v_bytes = 0 == kv_whole_tiles ? v_cut_bytes : 0;
    }
    u32x4 k_stage[2];
    const rsrc_t k_rsrc = buffer(k_next, k_bytes);
    FOR(i, 2) k_stage[i] = buffer_read16(k_rsrc, k_from + i * 32 * (int)k_stride_seq);
    k_next += k_stride_seq * 32;
    u32x2 v_stage[4];
    const rsrc_t v_rsrc = buffer(v_next, v_bytes);
    FOR(j, 4) v_stage[j] = buffer_read8(v_rsrc, v_from + j * 4 * (int)v_stride_seq);
    v_next += v_stride_seq * 32;
    FOR(i, 2) lds_write16(k_to + i * 3328, k_stage[i]);
    FOR(w, 2) { // turn 4 rows x 2 columns
      const u32 r0 = v_stage[0][w], r1 = v_stage[1][w], r2 = v_stage[2][w], r3 = v_stage[3][w];
      lds_write8(v_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
      lds_write8(v_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
    }
    lds_barrier();
  }
  int turn = 13056; // bytes from one buffer to the other
  k_to += turn;
  v_to += turn;
  const f32x8 zero = kept_zero(); // C of a new product
  for (int tile = 0; tile < kv_tiles; ++tile) {
    // ---- load the next tile; the wait for it stands behind this tile's products
    if (__builtin_expect(tile >= kv_whole_tiles - 1, 0)) { // what is at or behind the end is not read
      k_bytes = tile == kv_whole_tiles - 1 ? k_cut_bytes : 0;
      v_bytes = tile == kv_whole_tiles - 1 ? v_cut_bytes : 0;
    }
    u32x4 k_stage[2];
    const rsrc_t k_rsrc = buffer(k_next, k_bytes);
    FOR(i, 2) k_stage[i] = buffer_read16(k_rsrc, k_from + i * 32 * (int)k_stride_seq);
    k_next += k_stride_seq * 32;
    u32x2 v_stage[4];
    const rsrc_t v_rsrc = buffer(v_next, v_bytes);
    FOR(j, 4) v_stage[j] = buffer_read8(v_rsrc, v_from + j * 4 * (int)v_stride_seq);
    v_next += v_stride_seq * 32;
    KEEP_ORDER();
    // ---- scores
    f32x8 s[2];
    FOR(b, 2) s[b] = zero;
    FOR(c, 5) {
      FOR(b, 2) { // rows of k
        const u32x8 k_operand = lds_read32(k_read_16 + c * 32 + b * 3328);
        s[b] = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(__builtin_bit_cast(half16, k_operand), __builtin_bit_cast(half16, q_0[c]), s[b]);
      }
    }
    // ---- rescale
    if (tile >= kv_full_tiles) { // the mask or the end of the keys cuts this tile
      const int stop_here = row_stop - (tile * 32 + row_lane);
      FOR(b, 2) {
        FOR(r, 8) s[b][r] = b * 16 + ROW(r) < stop_here ? s[b][r] : -INF;
        KEEP_ORDER();
      }
    }
    float top; // this lane's part of each row
    {
      float best = -INF;
      FOR(b, 2) FOR(r, 8) best = max(best, s[b][r]);
      top = best;
    }
    if (__builtin_expect(any_lane(fma(top, scale_log2, -15.0f) > row_max), 0)) { // a row maximum grew: rescale what was summed
      float top_all = over_groups_max(top);
      float new_max = max(row_max, fma(top_all, scale_log2, -7.0f));
      float shrink = exp2(row_max - new_max);
      row_max = new_max;
      row_sum = row_sum * shrink;
      FOR(b, 5) o[b] *= shrink;
    }
    // ---- softmax
    f32x8 p[2];
    FOR(b, 2) FOR(r, 8) p[b][r] = exp2(fma(s[b][r], scale_log2, -row_max));
    {
      float even = row_sum, odd = -0.0f;
      FOR(b, 2) FOR(i, 4) {
        even += p[b][2 * i];
        odd += p[b][2 * i + 1];
      }
      row_sum = even + odd;
    }
    u32 p16[8];
    FOR(i, 8) p16[i] = pack2(p[i / 4][2 * i % 8], p[i / 4][2 * i % 8 + 1]);
    // ---- output
    u32 p16_other[8]; // the other half of the wave holds the other rows; the operand wants all
    FOR(i, 8) p16_other[i] = other_half(p16[i]);
    FOR(c, 2) {
      u32x8 p16_operand;
      FOR(i, 4) {
        p16_operand[i] = group ? p16_other[c * 4 + i] : p16[c * 4 + i];
        p16_operand[4 + i] = group ? p16[c * 4 + i] : p16_other[c * 4 + i];
      }
      FOR(b, 5) { // rows of v, transposed
        const u32x8 v_operand = lds_read32(v_read_16 + c * 32 + b * 1280);
        o[b] = __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(__builtin_bit_cast(half16, v_operand), __builtin_bit_cast(half16, p16_operand), o[b]);
      }
    }
    KEEP_ORDER();
    FOR(i, 2) lds_write16(k_to + i * 3328, k_stage[i]);
    FOR(w, 2) { // turn 4 rows x 2 columns
      const u32 r0 = v_stage[0][w], r1 = v_stage[1][w], r2 = v_stage[2][w], r3 = v_stage[3][w];
      lds_write8(v_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
      lds_write8(v_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
    }
    lds_barrier();
    // the buffers change places
    k_read_16 += turn;
    k_to -= turn;
    v_read_16 += turn;
    v_to -= turn;
    turn = -turn;
  }
  float row_sum_all = over_groups_sum(row_sum);
  float inv_sum = row_sum_all > 0.0f ? 1.0f / row_sum_all : 0.0f;
  u16* o_tile = o_base + batch_index * o_stride_batch + heads_q_index * o_stride_head + (long)q_first * o_stride_seq;
  const rsrc_t o_rsrc = rows(o_tile, min_i32(seqlen_q - q_first, 80), (int)o_stride_seq * 2, 160);
  // from the tile's first row; a row behind the end goes behind every buffer, so that a stride of 0 does no harm
  const int o_at = q_row < seqlen_q ? (q_row - q_first) * (int)o_stride_seq * 2 : 0x7ffff000;
  // o: two neighbours of a row at a time, one of them from the other half of the wave
  FOR(b, 5) FOR(i, 4) {
    const int column = b * 16 + 4 * i + 2 * group;
    const u32 own = pack2(o[b][2 * i] * inv_sum, o[b][2 * i + 1] * inv_sum);
    const u32 other = other_half(own);
    buffer_write4(o_rsrc, o_at + column * 2, group ? high2(other, own) : low2(own, other));
  }
  // lse: one lane a row writes
  float* lse_tile = lse_base + (long)batch_index * heads_q * seqlen_q + (long)heads_q_index * seqlen_q + q_first;
  const rsrc_t lse_rsrc = buffer(lse_tile, lse_base ? min_i32(seqlen_q - q_first, 80) * 4 : 0);
  if (group == 0)
    buffer_write4(lse_rsrc, (q_row - q_first) * 4, __builtin_bit_cast(u32, (row_max + log2(row_sum_all)) * 0.693147181f));
}
