/* SPDX-License-Identifier: MIT
 * The process, and the children that the host makes of it by fork: what was made in the parent stays the parent's, and tables of the whole process
 * are usable in the child whatever other threads did at that moment. */
#ifndef FAGEN_PROCESS_H
#define FAGEN_PROCESS_H

/* 0, and one more in each child made by fork.  What was made under another number belongs to another process.  Costs nothing: no system call. */
unsigned fa_process_number(void);
/* From here on fork is noticed.  Any thread, any number of times; begins with what is first kept. */
void fa_process_watch(void);

/* What fork must find in order, each with the tables that it is for. */
void fa_records_before_fork(void);   /* record.c */
void fa_records_after_fork(int child);
void fa_functions_before_fork(void); /* functions.c */
void fa_functions_after_fork(int child);

#endif
