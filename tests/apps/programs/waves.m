% Fourier transforms and linear systems: prints norms of every round.
rounds = str2num(argv(){1});
rand("twister", 7);
a = rand(80);
for round = 0:rounds - 1
  for k = 1:10
    a = real(ifft2(fft2(a) .* 0.9)) + a \ eye(80);
    a = a / norm(a);
  end
  printf("round %d %.6f %.6f\n", round, norm(a, "fro"), abs(det(a(1:4, 1:4))));
  fflush(stdout);
end
