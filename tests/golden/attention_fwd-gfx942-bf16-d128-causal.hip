// attention_fwd for gfx942; what fa-gen emits carries no condition
// fa-gen emit kernel=attention_fwd target=gfx942 dtype_q=bf16 dtype_kv=bf16 dtype_o=bf16 alignment=16 head_dim_qk=128 head_dim_v=128
//   mask=causal gqa_pack=0 features=none functions=none rounding=nearest_even lse=natural
//   block_m=256 block_n=32 waves=8 stages=2 schedule=pingpong
// schedule ~ scores+ output > | < rescale+ softmax+ |; compile with -O3 -fno-slp-vectorize; templates ----------------

typedef unsigned u32;
typedef unsigned short u16;
typedef u32 u32x1 __attribute__((ext_vector_type(1)));
typedef u32 u32x2 __attribute__((ext_vector_type(2)));
typedef u32 u32x4 __attribute__((ext_vector_type(4)));
typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef short short4 __attribute__((ext_vector_type(4)));

#define DEVICE static inline __attribute__((device, always_inline))
#define FOR(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)
#define INF __builtin_inff()
#define ROW(r) (8 * (r / 4) + r % 4) // row of the accumulator in register r; row_lane adds the lane's part
#define KEEP_ORDER() __builtin_amdgcn_sched_barrier(0) // the scheduler moves nothing across
#define WAIT_FOR_READS(left) __builtin_amdgcn_s_waitcnt(0xc07f | (left) << 8) // of LDS, but for the last ones

DEVICE float exp2(float x) { return __builtin_amdgcn_exp2f(x); }
DEVICE float log2(float x) { return __builtin_amdgcn_logf(x); }
DEVICE float fabs(float x) { return __builtin_fabsf(x); }
DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE float max(float a, float b) { return __builtin_fmaxf(a, b); }
DEVICE int max_i32(int a, int b) { return a > b ? a : b; }
DEVICE int min_i32(int a, int b) { return a < b ? a : b; }
DEVICE bool any_lane(bool x) { return __builtin_amdgcn_ballot_w64(x) != 0; }
DEVICE float lane_xor(float x, int bit) { // the value of lane ^ bit, through the LDS crossbar
  const int from = ((__builtin_amdgcn_workitem_id_x() ^ bit) & 63) * 4;
  return __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute(from, __builtin_bit_cast(int, x)));
}
DEVICE float over_groups_max(float x) { // over the lanes that share a column of the accumulator
  x = max(x, lane_xor(x, 32));
  return x;
}
DEVICE float over_groups_sum(float x) { // over the lanes that share a column of the accumulator
  x = x + lane_xor(x, 32);
  return x;
}
DEVICE u32 low2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x05040100u); }  // low halves of a and b
DEVICE u32 high2(u32 a, u32 b) { return __builtin_amdgcn_perm(b, a, 0x07060302u); } // high halves
DEVICE u32x2 part2_of4(u32x4 x, int i) { return i ? x.zw : x.xy; }
DEVICE u32 pack2(float a, float b) { // two values to bf16, nearest even; the low half of a NaN that comes of bf16 inputs is 0, so it stays one
  u32 x = __builtin_bit_cast(u32, a), y = __builtin_bit_cast(u32, b);
  x += ((x >> 16) & 1u) + 0x7fffu;
  y += ((y >> 16) & 1u) + 0x7fffu;
  return __builtin_amdgcn_perm(y, x, 0x07060302u);
}

// A buffer resource bounds every access: what lies behind its last byte reads 0, and writes there are dropped.
typedef __amdgpu_buffer_rsrc_t rsrc_t;
DEVICE rsrc_t buffer(const void* base, int bytes) {
  return __builtin_amdgcn_make_buffer_rsrc((void*)base, 0, bytes, 0x00027000);
}
DEVICE int rows_bytes(int count, int stride_bytes, int row_bytes) { // from the first row to the last one's last element
  return count > 0 ? (count - 1) * stride_bytes + row_bytes : 0;
}
DEVICE rsrc_t rows(const void* first, int count, int stride_bytes, int row_bytes) {
  return buffer(first, rows_bytes(count, stride_bytes, row_bytes));
}
DEVICE u32 buffer_read4(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b32(r, at, 0, 0); }
DEVICE u32x4 buffer_read16(rsrc_t r, int at) { return __builtin_amdgcn_raw_buffer_load_b128(r, at, 0, 0); }
DEVICE void buffer_write4(rsrc_t r, int at, u32 x) { __builtin_amdgcn_raw_buffer_store_b32(x, r, at, 0, 0); }
DEVICE void buffer_write8(rsrc_t r, int at, u32x2 x) { __builtin_amdgcn_raw_buffer_store_b64(x, r, at, 0, 0); }

#define LDS __attribute__((address_space(3)))
__attribute__((shared, aligned(16))) char lds_memory[37888];
DEVICE LDS char* lds_at(int at) { return (LDS char*)lds_memory + at; }
DEVICE u32x4 lds_read16(int at) { return *(LDS u32x4*)lds_at(at); }
DEVICE void lds_write8(int at, u32x2 x) { *(LDS u32x2*)lds_at(at) = x; }
DEVICE void lds_write16(int at, u32x4 x) { *(LDS u32x4*)lds_at(at) = x; }
DEVICE void lds_barrier() { // what the workgroup wrote to LDS is visible behind it; loads from global memory stay in flight
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}

extern "C" __attribute__((global, amdgpu_flat_work_group_size(512, 512))) void attention_fwd(
    const u16* q_base, const u16* k_base, const u16* v_base, u16* o_base, float* lse_base, long q_stride_batch, long q_stride_seq,
    long q_stride_head, long k_stride_batch, long k_stride_seq, long k_stride_head, long v_stride_batch, long v_stride_seq,
    long v_stride_head, long o_stride_batch, long o_stride_seq, long o_stride_head, int batch, int seqlen_q, int seqlen_k, int heads_q,
    int heads_k, float softmax_scale) {
  const int thread = __builtin_amdgcn_workitem_id_x(), lane = thread % 64, wave = __builtin_amdgcn_readfirstlane(thread / 64);
  const int group = lane / 32, row_lane = 4 * group; // lanes that share a column of the accumulator; this lane's part of a row
  // this workgroup's 256 of seqlen_q, this wave's 32, this lane's first
  const int q_first = __builtin_amdgcn_workgroup_id_x() * 256, q_wave = q_first + wave * 32, q_row = q_wave + lane % 32;
  const u32 program = __builtin_amdgcn_workgroup_id_y() + __builtin_amdgcn_workgroup_id_z() * 65535u; // of batch * heads_q
  if (program >= (u32)(batch * heads_q)) return;
  const int heads_q_index = program % (u32)heads_q;
  const int batch_index = program / (u32)heads_q;

  const int head_k = heads_q_index / (heads_q / heads_k);
  const float scale_log2 = max(fabs(softmax_scale) * 1.44269504f, 1.17549435e-38f);
  int row_stop = max_i32(min_i32(seqlen_k, q_row + (seqlen_k - seqlen_q) + 1), 0);
  // q: this wave's rows as the operand of mfma_32x32x8, for the whole kernel
  const u16* q_tile = q_base + batch_index * q_stride_batch + heads_q_index * q_stride_head + (long)q_first * q_stride_seq;
  const rsrc_t q_rsrc = rows(q_tile, min_i32(seqlen_q - q_first, 256), (int)q_stride_seq * 2, 256);
  u32x4 q_0[8];
  FOR(c, 8) q_0[c] = buffer_read16(q_rsrc, (q_row - q_first) * (int)q_stride_seq * 2 + c * 32 + group * 16);
  const u32 q_flip = softmax_scale < 0.0f ? 0x80008000u : 0u; // the sign bits of two values
  FOR(c, 8) q_0[c] ^= q_flip;
  float row_max = -3e+38f;
  float row_sum = 0.0f;
  f32x16 o[4];
  FOR(b, 4) FOR(r, 16) o[b][r] = 0.0f;
  const int kv_stop = max_i32(min_i32(seqlen_k, q_first + 255 + (seqlen_k - seqlen_q) + 1), 0);
  const int kv_wave_stop = max_i32(min_i32(seqlen_k, q_wave + 31 + (seqlen_k - seqlen_q) + 1), 0);
  const int kv_full = max_i32(min_i32(seqlen_k, q_wave + (seqlen_k - seqlen_q) + 1), 0);

  // k: LDS 0 .. 8703, and the second buffer 18944 further on; rows of 272 bytes
  int k_read_8 = lane % 32 * 272 + group * 16;
  // pieces of 16 bytes, dealt to the threads: from an offset in the tile to an LDS address
  const int k_column = thread % 16, k_row = thread / 16;
  const int k_from = k_row * (int)k_stride_seq * 2 + k_column * 16;
  int k_to = k_row * 272 + k_column * 16;
  // the tile that is fetched next
  const u16* k_next = k_base + batch_index * k_stride_batch + head_k * k_stride_head;
  // bytes of a whole tile, and of the one that the end cuts
  int k_bytes = rows_bytes(32, (int)k_stride_seq * 2, 256);
  const int k_cut_bytes = rows_bytes(kv_stop % 32, (int)k_stride_seq * 2, 256);

  // v: LDS 8704 .. 18943, and the second buffer 18944 further on; rows of 80 bytes
  int v_read_8 = lane % 32 * 80 + group * 16 + 8704;
  // pieces of 4 rows x 2 columns, rows in the order of the other operand's registers, dealt to the threads
  int v_from, v_to;
  {
    const int piece = thread, column = (piece >> 2) % 64, quad = piece % 4 + (piece >> 2) / 64 * 4;
    const int row = (quad & 1 ? 8 : 0) + (quad & 2 ? 4 : 0) + (quad & 4 ? 16 : 0);
    v_from = row * (int)v_stride_seq * 2 + column * 4;
    v_to = column * 160 + quad * 8 + 8704;
  }
  // the tile that is fetched next
  const u16* v_next = v_base + batch_index * v_stride_batch + head_k * v_stride_head;
  // bytes of a whole tile, and of the one that the end cuts
  int v_bytes = rows_bytes(32, (int)v_stride_seq * 2, 256);
  const int v_cut_bytes = rows_bytes(kv_stop % 32, (int)v_stride_seq * 2, 256);

  const int kv_tiles = (kv_stop + 31) / 32; // tiles that hold something
  const int kv_whole_tiles = kv_stop / 32, kv_full_tiles = kv_full / 32; // of whole tiles; of tiles that need no mask
  const int kv_wave_tiles = (kv_wave_stop + 31) / 32; // of tiles that hold something for this wave

  // prologue: the first tiles
  {
    if (__builtin_expect(0 >= kv_whole_tiles, 0)) { // what is at or behind the end is not read
      k_bytes = 0 == kv_whole_tiles ? k_cut_bytes : 0;
      v_bytes = 0 == kv_whole_tiles ? v_cut_bytes : 0;
    }
    u32x4 k_stage_0;
    const rsrc_t k_rsrc_0 = buffer(k_next, k_bytes);
    k_stage_0 = buffer_read16(k_rsrc_0, k_from);
    k_next += k_stride_seq * 32;
    u32x1 v_stage[4];
    const rsrc_t v_rsrc = buffer(v_next, v_bytes);
    FOR(j, 4) v_stage[j] = buffer_read4(v_rsrc, v_from + j * 2 * (int)v_stride_seq);
    v_next += v_stride_seq * 32;
    if (__builtin_expect(1 >= kv_whole_tiles, 0)) { // what is at or behind the end is not read
      k_bytes = 1 == kv_whole_tiles ? k_cut_bytes : 0;
      v_bytes = 1 == kv_whole_tiles ? v_cut_bytes : 0;
    }
    u32x4 k_stage_1;
    const rsrc_t k_rsrc_1 = buffer(k_next, k_bytes);
    k_stage_1 = buffer_read16(k_rsrc_1, k_from);
    k_next += k_stride_seq * 32;
    lds_write16(k_to, k_stage_0);
    lds_write16(k_to + 18944, k_stage_1);
    FOR(w, 1) { // turn 4 rows x 2 columns
      const u32 r0 = v_stage[0][w], r1 = v_stage[1][w], r2 = v_stage[2][w], r3 = v_stage[3][w];
      lds_write8(v_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
      lds_write8(v_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
    }
    lds_barrier();
  }
  int turn = 18944; // bytes from one buffer to the other
  v_to += turn;
  if (kv_tiles > 0) {
    u32 p16[8];
    u32x4 k_stage;
    u32x1 v_stage[4];
    { // the stages that run ahead, for the first tile
      const int tile = 0;
      // ---- scores
      f32x16 s[1];
      FOR(b, 1) s[b] = (f32x16)0.0f;
      u32x4 k_group[2][4]; // rows of k: for the products of this turn and for those of the next
      FOR(i, 4) {
        const int c = (0 + i) / 1, b = (0 + i) % 1;
        k_group[0][i] = lds_read16(k_read_8 + c * 32);
      }
      FOR(g, 2) {
        if (g < 1) {
          FOR(i, 4) {
            const int c = ((g + 1) * 4 + i) / 1, b = ((g + 1) * 4 + i) % 1;
            k_group[(g + 1) % 2][i] = lds_read16(k_read_8 + c * 32);
          }
          KEEP_ORDER();
          WAIT_FOR_READS(4);
        }
        else WAIT_FOR_READS(0);
        KEEP_ORDER();
        FOR(i, 4) {
          const int c = (g * 4 + i) / 1, b = (g * 4 + i) % 1;
          FOR(step, 2) s[b] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(__builtin_bit_cast(short4, part2_of4(k_group[g % 2][i], step)), __builtin_bit_cast(short4, part2_of4(q_0[c], step)), s[b], 0, 0, 0);
        }
      }
      // ---- rescale
      if (tile >= kv_full_tiles) { // the mask or the end of the keys cuts this tile
        int stop_here = row_stop - (tile * 32 + row_lane);
        FOR(b, 1) FOR(r, 16) s[b][r] = b * 32 + ROW(r) < stop_here ? s[b][r] : -INF;
      }
      float top; // this lane's part of each row
      {
        float best = -INF;
        FOR(b, 1) FOR(r, 16) best = max(best, s[b][r]);
        top = best;
      }
      if (__builtin_expect(any_lane(fma(top, scale_log2, -15.0f) > row_max), 0)) { // a row maximum grew: rescale what was summed
        float top_all = over_groups_max(top);
        float new_max = max(row_max, fma(top_all, scale_log2, -7.0f));
        float shrink = exp2(row_max - new_max);
        row_max = new_max;
        row_sum = row_sum * shrink;
        FOR(b, 4) o[b] *= shrink;
      }
      // ---- softmax
      f32x16 p[1];
      FOR(b, 1) FOR(r, 16) p[b][r] = exp2(fma(s[b][r], scale_log2, -row_max));
      {
        float even = row_sum, odd = -0.0f;
        FOR(b, 1) FOR(i, 8) {
          even += p[b][2 * i];
          odd += p[b][2 * i + 1];
        }
        row_sum = even + odd;
      }
      FOR(i, 8) p16[i] = pack2(p[i / 8][2 * i % 16], p[i / 8][2 * i % 16 + 1]);
      lds_barrier();
      if (__builtin_expect(tile >= kv_whole_tiles - 2, 0)) { // what is at or behind the end is not read
        k_bytes = tile == kv_whole_tiles - 2 ? k_cut_bytes : 0;
      }
      if (__builtin_expect(tile >= kv_whole_tiles - 1, 0)) { // what is at or behind the end is not read
        v_bytes = tile == kv_whole_tiles - 1 ? v_cut_bytes : 0;
      }
      const rsrc_t k_rsrc = buffer(k_next, k_bytes);
      k_stage = buffer_read16(k_rsrc, k_from);
      k_next += k_stride_seq * 32;
      const rsrc_t v_rsrc = buffer(v_next, v_bytes);
      FOR(j, 4) v_stage[j] = buffer_read4(v_rsrc, v_from + j * 2 * (int)v_stride_seq);
      v_next += v_stride_seq * 32;
      k_read_8 += turn;
    }
    if (wave >= 4) __builtin_amdgcn_s_barrier(); // from here on these waves are one barrier behind the others
    int tile = 0;
    for (; tile + 1 < kv_tiles; ++tile) {
      // ---- scores
      f32x16 s[1];
      FOR(b, 1) s[b] = (f32x16)0.0f;
      u32x4 k_group[2][4]; // rows of k: for the products of this turn and for those of the next
      FOR(i, 4) {
        const int c = (0 + i) / 1, b = (0 + i) % 1;
        k_group[0][i] = lds_read16(k_read_8 + c * 32);
      }
      FOR(g, 2) {
        if (g < 1) {
          FOR(i, 4) {
            const int c = ((g + 1) * 4 + i) / 1, b = ((g + 1) * 4 + i) % 1;
            k_group[(g + 1) % 2][i] = lds_read16(k_read_8 + c * 32);
          }
          KEEP_ORDER();
          WAIT_FOR_READS(4);
        }
        else WAIT_FOR_READS(0);
        KEEP_ORDER();
        FOR(i, 4) {
          const int c = (g * 4 + i) / 1, b = (g * 4 + i) % 1;
          FOR(step, 2) s[b] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(__builtin_bit_cast(short4, part2_of4(k_group[g % 2][i], step)), __builtin_bit_cast(short4, part2_of4(q_0[c], step)), s[b], 0, 0, 0);
        }
      }
      // ---- output
      // p16 is the operand as it stands; v lies in LDS in the order of its registers
      u32x4 v_group[2][4]; // rows of v: for the products of this turn and for those of the next
      FOR(i, 4) {
        const int c = (0 + i) / 4, b = (0 + i) % 4;
        v_group[0][i] = lds_read16(v_read_8 + c * 32 + b * 2560);
      }
      FOR(g, 2) {
        if (g < 1) {
          FOR(i, 4) {
            const int c = ((g + 1) * 4 + i) / 4, b = ((g + 1) * 4 + i) % 4;
            v_group[(g + 1) % 2][i] = lds_read16(v_read_8 + c * 32 + b * 2560);
          }
          KEEP_ORDER();
          WAIT_FOR_READS(4);
        }
        else WAIT_FOR_READS(0);
        KEEP_ORDER();
        FOR(i, 4) {
          const int c = (g * 4 + i) / 4, b = (g * 4 + i) % 4;
          u32x4 p16_operand;
          FOR(i, 4) p16_operand[i] = p16[c * 4 + i];
          FOR(step, 2) o[b] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(__builtin_bit_cast(short4, part2_of4(v_group[g % 2][i], step)), __builtin_bit_cast(short4, part2_of4(p16_operand, step)), o[b], 0, 0, 0);
        }
      }
      KEEP_ORDER();
      lds_write16(k_to, k_stage);
      FOR(w, 1) { // turn 4 rows x 2 columns
        const u32 r0 = v_stage[0][w], r1 = v_stage[1][w], r2 = v_stage[2][w], r3 = v_stage[3][w];
        lds_write8(v_to + 2 * w * 80, (u32x2){low2(r0, r1), low2(r2, r3)});
        lds_write8(v_to + (2 * w + 1) * 80, (u32x2){high2(r0, r1), high2(r2, r3)});
      }
      lds_barrier();
      // ---- load the next tile; the wait for it stands behind this tile's products
      if (__builtin_expect(tile >= kv_whole_tiles - 3, 0)) { // what is at or behind the end is not read
        k_bytes = tile == kv_whole_tiles - 3 ? k_cut_bytes : 0;
      }
      if (__builtin_expect(tile >= kv_whole_tiles - 2, 0)) { // what is at or behind the end is not read
        v_bytes = tile == kv_whole_tiles - 2 ? v_cut_bytes : 0;
      }
      const rsrc_t k_rsrc = buffer(k_next, k_bytes);
      k_stage = buffer_read16(k_rsrc, k_from);
      k_next += k_stride_seq * 32;
      const rsrc_t v_rsrc = buffer(v_next, v_bytes);
      FOR(j, 4) v_stage[j] = buffer_read4(v_rsrc, v_from + j * 2 * (int)v_stride_seq);
      v_next += v_stride_seq * 32;
      KEEP_ORDER();
      // ---- rescale
      if ((tile + 1) >= kv_full_tiles) { // the mask or the end of the keys cuts this tile
        int stop_here = row_stop - ((tile + 1) * 32 + row_lane);
        FOR(b, 1) FOR(r, 16) s[b][r] = b * 32 + ROW(r) < stop_here ? s[b][r] : -INF;
      }
      float top; // this lane's part of each row
      {
        float best = -INF;
        FOR(b, 1) FOR(r, 16) best = max(best, s[b][r]);
        top = best;
      }
      if (__builtin_expect(any_lane(fma(top, scale_log2, -15.0f) > row_max), 0)) { // a row maximum grew: rescale what was summed
        float top_all = over_groups_max(top);
        float new_max = max(row_max, fma(top_all, scale_log2, -7.0f));
        float shrink = exp2(row_max - new_max);
        row_max = new_max;
        row_sum = row_sum * shrink;
        FOR(b, 4) o[b] *= shrink;
      }
      // ---- softmax
      f32x16 p[1];
      FOR(b, 1) FOR(r, 16) p[b][r] = exp2(fma(s[b][r], scale_log2, -row_max));
      {
        float even = row_sum, odd = -0.0f;
        FOR(b, 1) FOR(i, 8) {
          even += p[b][2 * i];
          odd += p[b][2 * i + 1];
        }
        row_sum = even + odd;
      }
      FOR(i, 8) p16[i] = pack2(p[i / 8][2 * i % 16], p[i / 8][2 * i % 16 + 1]);
      lds_barrier();
      // the buffers change places
      k_read_8 -= turn;
      k_to += turn;
      v_read_8 += turn;
      v_to -= turn;
      turn = -turn;
    }
    if (wave < 4) __builtin_amdgcn_s_barrier();
    // ---- output
    // p16 is the operand as it stands; v lies in LDS in the order of its registers
    u32x4 v_group[2][4]; // rows of v: for the products of this turn and for those of the next
    FOR(i, 4) {
      const int c = (0 + i) / 4, b = (0 + i) % 4;
      v_group[0][i] = lds_read16(v_read_8 + c * 32 + b * 2560);
    }
    FOR(g, 2) {
      if (g < 1) {
        FOR(i, 4) {
          const int c = ((g + 1) * 4 + i) / 4, b = ((g + 1) * 4 + i) % 4;
          v_group[(g + 1) % 2][i] = lds_read16(v_read_8 + c * 32 + b * 2560);
        }
        KEEP_ORDER();
        WAIT_FOR_READS(4);
      }
      else WAIT_FOR_READS(0);
      KEEP_ORDER();
      FOR(i, 4) {
        const int c = (g * 4 + i) / 4, b = (g * 4 + i) % 4;
        u32x4 p16_operand;
        FOR(i, 4) p16_operand[i] = p16[c * 4 + i];
        FOR(step, 2) o[b] = __builtin_amdgcn_mfma_f32_32x32x8bf16_1k(__builtin_bit_cast(short4, part2_of4(v_group[g % 2][i], step)), __builtin_bit_cast(short4, part2_of4(p16_operand, step)), o[b], 0, 0, 0);
      }
    }
  }
  float row_sum_all = over_groups_sum(row_sum);
  float inv_sum = row_sum_all > 0.0f ? 1.0f / row_sum_all : 0.0f;
  u16* o_tile = o_base + batch_index * o_stride_batch + heads_q_index * o_stride_head + (long)q_first * o_stride_seq;
  const rsrc_t o_rsrc = rows(o_tile, min_i32(seqlen_q - q_first, 256), (int)o_stride_seq * 2, 256);
  // from the tile's first row; a row behind the end goes behind every buffer, so that a stride of 0 does no harm
  const int o_at = q_row < seqlen_q ? (q_row - q_first) * (int)o_stride_seq * 2 : 0x7ffff000;
  // o: 4 neighbours of a row at a time
  FOR(b, 4) FOR(i, 4) {
    const int r = i * 4, column = b * 32 + ROW(r) + row_lane;
    u32x2 value;
    FOR(j, 2) value[j] = pack2(o[b][r + 2 * j] * inv_sum, o[b][r + 2 * j + 1] * inv_sum);
    buffer_write8(o_rsrc, o_at + column * 2, value);
  }
  // lse: one lane a row writes
  float* lse_tile = lse_base + (long)batch_index * heads_q * seqlen_q + (long)heads_q_index * seqlen_q + q_first;
  const rsrc_t lse_rsrc = buffer(lse_tile, lse_base ? min_i32(seqlen_q - q_first, 256) * 4 : 0);
  if (group == 0)
    buffer_write4(lse_rsrc, (q_row - q_first) * 4, __builtin_bit_cast(u32, (row_max + log2(row_sum_all)) * 0.693147181f));
}
