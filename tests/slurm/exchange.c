/* An MPI program that checks itself: exchange PROGRESS GO
 *
 * Rounds of a ring, a broadcast larger than what is sent eagerly, and an all-to-all with sums, with messages that nobody has received yet in the queues. Rank 0 writes the number of
 * rounds to the file PROGRESS now and then, and ends when the file GO is there; every rank has then done as many. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { large = 300000, unexpected = 7, ring = 5 };
static int rank, ranks;

static void check(int holds, const char *what, long round) {
  if (holds) return;
  printf("rank %d, round %ld: %s\n", rank, round, what);
  fflush(stdout);
  MPI_Abort(MPI_COMM_WORLD, 3);
}

static void tell(const char *file, long rounds) {
  char beside[4096];
  snprintf(beside, sizeof beside, "%s.new", file);
  FILE *out = fopen(beside, "w");
  check(out != NULL && fprintf(out, "%ld\n", rounds) > 0 && fclose(out) == 0 && rename(beside, file) == 0, "cannot write its progress", rounds);
}

static void play_round(long round) {
  static char block[large];
  const int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks, speaker = (int)(round % ranks);
  const long token = round * ranks + rank;
  long got = -1;
  MPI_Sendrecv(&token, 1, MPI_LONG, next, ring, &got, 1, MPI_LONG, before, ring, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  check(got == round * ranks + before, "another token came", round);
  if (round % 50 != 0) return;
  for (int i = 0; i < large; i++) block[i] = (char)(rank == speaker ? i * 7 + round : 0);
  MPI_Bcast(block, large, MPI_CHAR, speaker, MPI_COMM_WORLD);
  for (int i = 0; i < large; i++)
    if (block[i] != (char)(i * 7 + round)) check(0, "another block came", round);
  long to[ranks], from[ranks];
  for (int i = 0; i < ranks; i++) to[i] = round * 1000 + rank * 10 + i;
  MPI_Alltoall(to, 1, MPI_LONG, from, 1, MPI_LONG, MPI_COMM_WORLD);
  for (int i = 0; i < ranks; i++) check(from[i] == round * 1000 + i * 10 + rank, "another number came of all", round);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (argc != 3) return 2;
  char early[unexpected][64] = {{0}};
  MPI_Request requests[unexpected];
  for (int i = 0; i < unexpected; i++) {
    snprintf(early[i], sizeof early[i], "message %d of %d", i, rank);
    MPI_Isend(early[i], sizeof early[i], MPI_CHAR, (rank + 1) % ranks, 100 + i, MPI_COMM_WORLD, &requests[i]);
  }
  long round = 0;
  for (int going = 1; going; round++) {
    play_round(round);
    if (round % 500 != 0) continue;
    if (rank == 0) tell(argv[1], round), going = access(argv[2], F_OK) != 0;
    MPI_Bcast(&going, 1, MPI_INT, 0, MPI_COMM_WORLD);
  }
  for (int i = unexpected - 1; i >= 0; i--) {
    char late[64], wanted[64];
    const int before = (rank + ranks - 1) % ranks;
    MPI_Recv(late, sizeof late, MPI_CHAR, before, 100 + i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    snprintf(wanted, sizeof wanted, "message %d of %d", i, before);
    int same = 1;
    for (int k = 0; k < 64 && wanted[k] != '\0'; k++) same = same && late[k] == wanted[k];
    check(same, "another message was waiting", round);
  }
  for (int i = 0; i < unexpected; i++) MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
  long least = 0, most = 0;
  MPI_Allreduce(&round, &least, 1, MPI_LONG, MPI_MIN, MPI_COMM_WORLD);
  MPI_Allreduce(&round, &most, 1, MPI_LONG, MPI_MAX, MPI_COMM_WORLD);
  check(least == most, "others have done another number of rounds", round);
  if (rank == 0) printf("%d ranks have done as many rounds\n", ranks);
  fflush(stdout);
  return MPI_Finalize() == MPI_SUCCESS ? 0 : 1;
}
