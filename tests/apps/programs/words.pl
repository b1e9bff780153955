#!/usr/bin/perl
# Hashes, closures, a pipe to a child and string work: prints a checksum of every round.
use strict;
use warnings;
$| = 1;
my $rounds = shift;
my ($state, %seen) = (1);
open(my $sorted, '|-', 'cat >/dev/null') or die;
for my $round (0 .. $rounds - 1) {
  for (1 .. 4000) {
    $state = ($state * 16807) % 2147483647;
    $seen{$state % 5000} .= chr(97 + $state % 26);
    print $sorted "$state\n";
  }
  my $sum = 0;
  $sum = ($sum * 31 + length($seen{$_}) + ord($seen{$_})) % 1000000007 for sort { $a <=> $b } keys %seen;
  print "round $round $sum\n";
}
close($sorted) or die;
