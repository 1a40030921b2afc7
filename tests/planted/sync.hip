// SPDX-License-Identifier: MIT
// Barriers that not every wave reaches. (Waits are taken away from objects, in test_planted_objects.c.)

//@ leaves_before block=192
KERNEL leaves_before(ARGS) {
  if (me() >= PLANT(128, 192)) return; // BUG: barrier
  out[me()] = in[me()];
  barrier(); // OTHER
  aux[me()] = out[191 - me()];
}

//@ divergent block=128
KERNEL divergent(ARGS) {
  SHARED volatile u32 cells[128];
  cells[me()] = in[me()];
  if (me() < PLANT(64, 128)) // BUG: barrier
    barrier(); // OTHER
  out[me()] = cells[me()];
}

//@ one_barrier_more block=128
KERNEL one_barrier_more(ARGS) {
  for (u32 k = 0; k < 3 + PLANT(me() / 64, 0); k++) { // BUG: barrier
    out[me()] = in[me()] + k;
    barrier(); // OTHER
  }
}

//@ returns_in_a_loop block=128
KERNEL returns_in_a_loop(ARGS) {
  for (u32 k = 0; k < 4; k++) {
    if (PLANT(me() >= 64, 0) && k == 2) return; // BUG: barrier
    out[me()] = in[me()] + k;
    barrier(); // OTHER
  }
}
