import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.ArrayList;
import java.util.List;

/** Threads, garbage and just-in-time compilation: prints the number of primes of every round. */
public class Primes {
  static long count(int from, int to) {
    List<String> found = new ArrayList<>();
    for (int n = from; n < to; n++) {
      boolean prime = n > 1;
      for (int d = 2; prime && d * d <= n; d++) prime = n % d != 0;
      if (prime) found.add(Integer.toString(n));
    }
    return found.stream().mapToLong(Long::parseLong).sum();
  }

  public static void main(String[] arguments) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    for (int round = 0; round < Integer.parseInt(arguments[0]); round++) {
      List<Future<Long>> parts = new ArrayList<>();
      for (int part = 0; part < 4; part++) {
        int from = (round * 4 + part) * 3000;
        parts.add(pool.submit(() -> count(from, from + 3000)));
      }
      long sum = 0;
      for (Future<Long> part : parts) sum += part.get();
      System.out.println("round " + round + " " + sum);
      System.out.flush();
    }
    pool.shutdown();
  }
}
