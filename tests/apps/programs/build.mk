# A parallel make with real compilations: prints what the built program prints. make -f build.mk ROUNDS=n
SOURCES := $(foreach n,$(shell seq $(ROUNDS)),part$(n))
all: program
	@./program
	@echo "made $(words $(SOURCES)) parts"
program: $(SOURCES:%=%.o) main.o
	@$(CC) -o $@ $^
main.c: Makefile.sources
	@{ for n in $(SOURCES); do echo "int $$n(int);"; done; echo '#include <stdio.h>'; echo 'int main(void) { int x = 1;'; \
	  for n in $(SOURCES); do echo "x = $$n(x);"; done; echo 'return printf("result %d ", x) < 0; }'; } >$@
part%.c: Makefile.sources
	@{ echo '#include <stdlib.h>'; echo '#include <stdio.h>'; for i in $$(seq 150); do echo "static int f$*_$$i(int x) { return x * $$i % 1009 + $*; }"; done; \
	  echo "int part$*(int x) {"; for i in $$(seq 150); do echo "x = f$*_$$i(x);"; done; echo 'return x; }'; } >$@
%.o: %.c
	@$(CC) -O2 -c -o $@ $< && echo "round $*"
Makefile.sources:
	@touch $@
.SECONDARY:
