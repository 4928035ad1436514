package text

import (
	"fmt"
	"math"
	"testing"
)

func TestCount(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{Count(0, "torrent"), "0 torrents"}, {Count(1, "torrent"), "1 torrent"}, {Count(2, "torrent"), "2 torrents"}, {Count(-1, "peer"), "-1 peers"},
		{Count(1, "address", "addresses"), "1 address"}, {Count(0, "address", "addresses"), "0 addresses"}, {Count(10_000, "is", "are"), "10000 are"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestShortFitsIntoFourCells(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{-5, "0"}, {math.MinInt, "0"}, {0, "0"}, {999, "999"}, {1000, "1.0k"}, {1049, "1.0k"}, {9949, "9.9k"}, {9950, "10k"}, {99_999, "100k"}, {999_499, "999k"},
		{999_500, "1.0M"}, {1_500_000, "1.5M"}, {math.MaxInt, "9.2E"},
	} {
		if got := Short(c.n); got != c.want {
			t.Errorf("%d: %q, want %q", c.n, got, c.want)
		}
	}
	for n := 1; n > 0 && n < math.MaxInt/7; n = n*7/2 + 1 {
		if got := Short(n); Width(got) > 4 {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestRatioFitsIntoFiveCells(t *testing.T) {
	for _, c := range []struct {
		r    float64
		want string
	}{
		{math.NaN(), "0.00"}, {-1, "0.00"}, {0, "0.00"}, {0.254, "0.25"}, {99.99, "99.99"}, {99.996, "100.0"}, {999.94, "999.9"}, {999.96, "1000"}, {12345.4, "12345"},
		{99999.4, "99999"}, {99999.6, ">99k"}, {math.Inf(1), ">99k"}, {math.MaxFloat64, ">99k"},
	} {
		if got := Ratio(c.r); got != c.want || Width(got) > 5 {
			t.Errorf("%s: %q, want %q", fmt.Sprint(c.r), got, c.want)
		}
	}
}
