/* A library with thread-local variables, for threads/thread_local.c. */
__thread long zeroed;
__thread long set = 77;
__thread char block[8192];
long *address_of_zeroed(void) { return &zeroed; }
long *address_of_set(void) { return &set; }
char *address_of_block(void) { return block; }
