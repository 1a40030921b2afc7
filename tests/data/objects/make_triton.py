# SPDX-License-Identifier: MIT
# Makes the .hsaco files beside it: python make_triton.py, with Triton 3.9 installed; no GPU is needed.
import os

os.environ["TRITON_DISABLE_LINE_INFO"] = "1"
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def halves(x_ptr, y_ptr, out_ptr, N: tl.constexpr):
    """16-bit operations, a row of results each; newer LLVM names halves of registers in them."""
    i = tl.arange(0, N)
    x, y = tl.load(x_ptr + i), tl.load(y_ptr + i)
    xi, yi = x.to(tl.int16, bitcast=True), y.to(tl.int16, bitcast=True)
    tl.store(out_ptr + i, x + y)
    tl.store(out_ptr + N + i, tl.minimum(x, y))
    tl.store(out_ptr + 2 * N + i, tl.maximum(x, x * y))
    tl.store(out_ptr + 3 * N + i, tl.where(x > y, x * y, y))
    tl.store(out_ptr + 4 * N + i, (x.to(tl.float32) * 3).to(tl.float16))
    tl.store(out_ptr + 5 * N + i, tl.cumsum(xi + yi, axis=0, dtype=tl.int16).to(tl.float16, bitcast=True))


@triton.jit
def attention(q_ptr, k_ptr, v_ptr, out_ptr, seqlen, scale, ROWS: tl.constexpr, KEYS: tl.constexpr, DIM: tl.constexpr):
    """Causal attention of one head, fp16, (seqlen, DIM) each."""
    first, d = tl.program_id(0) * ROWS, tl.arange(0, DIM)
    row = first + tl.arange(0, ROWS)
    q = tl.load(q_ptr + row[:, None] * DIM + d[None, :], mask=row[:, None] < seqlen, other=0.0)
    peak = tl.full([ROWS], -1e30, tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    out = tl.zeros([ROWS, DIM], tl.float32)
    for start in tl.range(0, tl.minimum(first + ROWS, seqlen), KEYS, num_stages=2):
        key = start + tl.arange(0, KEYS)
        k = tl.load(k_ptr + key[None, :] * DIM + d[:, None], mask=key[None, :] < seqlen, other=0.0)
        score = tl.where(key[None, :] <= row[:, None], tl.dot(q, k) * scale, -1e30)
        higher = tl.maximum(peak, tl.max(score, 1))
        p = tl.exp(score - higher[:, None])
        fade = tl.exp(peak - higher)
        total = total * fade + tl.sum(p, 1)
        v = tl.load(v_ptr + key[:, None] * DIM + d[None, :], mask=key[:, None] < seqlen, other=0.0)
        out = tl.dot(p.to(tl.float16), v, out * fade[:, None])
        peak = higher
    tl.store(out_ptr + row[:, None] * DIM + d[None, :], (out / total[:, None]).to(tl.float16), mask=row[:, None] < seqlen)


def make(kernel, target, signature, constants, warps):
    source = ASTSource(kernel, {**signature, **{name: "constexpr" for name in constants}}, constants,
                       {(i,): [["tt.divisibility", 16], ["tt.pointer_range", 32]] for i, t in enumerate(signature.values()) if t[0] == "*"})
    wave = 64 if target.startswith("gfx9") else 32
    made = triton.compile(source, target=GPUTarget("hip", target, wave), options={"num_warps": warps, "num_stages": 2})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{kernel.__name__}-{target}.hsaco")
    with open(path, "wb") as file:
        file.write(made.asm["hsaco"])
    print(path, len(made.asm["hsaco"]), "bytes,", made.metadata.shared, "bytes of LDS")


for target in "gfx1151", "gfx1201":
    make(halves, target, {"x_ptr": "*fp16", "y_ptr": "*fp16", "out_ptr": "*fp16"}, {"N": 256}, 1)
for target, warps in ("gfx90a", 2), ("gfx950", 2), ("gfx1151", 1), ("gfx1201", 1):
    make(attention, target, {"q_ptr": "*fp16", "k_ptr": "*fp16", "v_ptr": "*fp16", "out_ptr": "*fp16", "seqlen": "i32", "scale": "fp32"},
         {"ROWS": 16, "KEYS": 16, "DIM": 32}, warps)
