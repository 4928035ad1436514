package figures

import (
	"math"
	"testing"
)

func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, math.NaN()},
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 100, 2}, 3},
	} {
		given := append([]float64(nil), c.values...)
		if got := Median(given); !near(got, c.want) {
			t.Errorf("Median(%v) = %v, want %v", c.values, got, c.want)
		}
		for i := range given {
			if given[i] != c.values[i] {
				t.Errorf("Median has changed its argument to %v", given)
			}
		}
	}
}

func TestLineMedianSkipsWhatLacksTheFigure(t *testing.T) {
	l := Line{Samples: []Sample{{Wall: 1}, {CPU: 7}, {Wall: 3}}}
	if got := l.Median(Wall); got != 2 {
		t.Errorf("median of the two walls is %v", got)
	}
	if got := l.Median(Peak); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

func TestRatio(t *testing.T) {
	line := func(what, client string, wall float64) Line {
		return Line{Case: what, Client: client, Samples: []Sample{{Wall: wall}}}
	}
	clients := Row{Reference: "b", Lines: []Line{line("x", "a", 1), line("x", "b", 2), line("y", "a", 3), line("y", "b", 12), line("z", "a", 5)}}
	cases := Row{Reference: "x", Lines: []Line{line("x", "a", 4), line("x", "b", 2), line("y", "a", 1), line("y", "b", 3)}}
	none := Row{Lines: []Line{line("x", "a", 1)}}
	for _, c := range []struct {
		row  *Row
		i    int
		want float64
	}{
		{&clients, 0, 0.5}, {&clients, 1, 1}, {&clients, 2, 0.25},
		{&clients, 4, math.NaN()}, // the reference has no such case
		{&cases, 2, 0.25}, {&cases, 3, 1.5},
		{&none, 0, math.NaN()},
	} {
		if got := c.row.Ratio(&c.row.Lines[c.i], Wall); !near(got, c.want) {
			t.Errorf("ratio of %s %s against %q is %v, want %v", c.row.Lines[c.i].Case, c.row.Lines[c.i].Client, c.row.Reference, got, c.want)
		}
	}
	if got := clients.Ratio(&clients.Lines[0], CPU); !math.IsNaN(got) {
		t.Errorf("ratio of what was not measured is %v", got)
	}
}

func TestRuns(t *testing.T) {
	r := Row{Lines: []Line{{}, {Samples: make([]Sample, 3)}, {Samples: make([]Sample, 2)}}}
	if r.Runs() != 3 {
		t.Errorf("%d runs", r.Runs())
	}
	if none := (&Row{Lines: []Line{{Note: "failed"}}}); none.Runs() != 0 {
		t.Errorf("%d runs of a line that failed", none.Runs())
	}
}

func TestLeastTime(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	all := func(n int, up float64) []float64 {
		var ups []float64
		for range n {
			ups = append(ups, up)
		}
		return ups
	}
	for _, c := range []struct {
		name              string
		size, piece, seed float64
		leechers          []float64
		want              float64
	}{
		// The seed has to send one copy, which takes 32 s; then three doublings of a piece, nine serving.
		{"eight alike", 64 * mib, 256 * kib, 2 * mib, all(8, 2*mib), 32 + 3*0.125},
		{"a slow seed", 64 * mib, 256 * kib, 0.5 * mib, all(8, 2*mib), 128 + 3*9*0.25/16.5},
		// All together send n copies: with slow leechers that takes longer than one copy from the seed.
		{"slow leechers", 64 * mib, 256 * kib, 8 * mib, all(4, mib), 4*64/12.0 + 2*5*0.25/12},
		{"one", 64 * mib, 256 * kib, 2 * mib, all(1, mib), 32},
	} {
		if got := LeastTime(c.size, c.piece, c.seed, c.leechers); !near(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDeviation(t *testing.T) {
	for _, c := range []struct {
		values      []int64
		mean, worst float64
	}{
		{[]int64{100, 100, 100}, 100, 0},
		{[]int64{80, 100, 120, 100}, 100, 20},
		{[]int64{0, 200}, 100, 100},
		{[]int64{0, 0}, 0, math.NaN()},
		{nil, 0, 0},
	} {
		if mean, worst := Deviation(c.values); !near(mean, c.mean) || !near(worst, c.worst) {
			t.Errorf("Deviation(%v) = %v, %v, want %v, %v", c.values, mean, worst, c.mean, c.worst)
		}
	}
}

func TestWorst(t *testing.T) {
	steady := func(seconds int, rate float64) []Count {
		var all []Count
		for i := range seconds {
			all = append(all, Count{float64(i), rate * float64(i)})
		}
		return all
	}
	burst := steady(30, 100)
	for i := 15; i < len(burst); i++ {
		burst[i].Bytes += 500 // at once: half a window's worth
	}
	for _, c := range []struct {
		name   string
		counts []Count
		want   float64
	}{
		{"nothing", nil, 0},
		{"too short", steady(10, 1000), 0},
		{"at the limit", steady(30, 100), 1},
		{"half of it", steady(11, 50), 0.5},
		{"a burst", burst, 1.5},
	} {
		if got := Worst(c.counts, 100); !near(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
