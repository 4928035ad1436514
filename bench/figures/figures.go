// Package figures owns what the harness has measured: samples, their medians and ratios, the least time that
// a swarm can take, and the file that keeps all of it. It is pure but for Load and Put; its values have no locks
// and belong to one goroutine, its functions may be called from any.
package figures

import (
	"math"
	"slices"
)

// Key names one figure of a sample.
type Key string

// The figures.
const (
	Wall     Key = "wall"     // seconds
	Rate     Key = "rate"     // MiB a second
	CPU      Key = "cpu"      // seconds, user and system, of the client under test for a GiB
	Peak     Key = "peak"     // MiB resident at most (VmHWM)
	Partner  Key = "partner"  // CPU of the partner, seconds for a GiB
	Last     Key = "last"     // seconds until the last leecher of a swarm was done
	Mean     Key = "mean"     // seconds until a leecher was done, on average
	Least    Key = "least"    // Last over the least possible time
	Over     Key = "over"     // most that an address sent in ten seconds over what its limit allows
	Resident Key = "resident" // KiB of resident memory for a connection
	Busy     Key = "busy"     // per cent of one core
	Open     Key = "open"     // connections that stood
	Spread   Key = "spread"   // per cent that the worst share is off the mean
	Share    Key = "share"    // KiB a second, the mean share
	First    Key = "first"    // milliseconds from the start of the program to the first block sent to it
	Arrived  Key = "arrived"  // MiB that lie in the folder at the end
	Answer   Key = "answer"   // seconds from the start of a daemon to its first answer
	Begun    Key = "begun"    // seconds from the start of a daemon until all its torrents run
	Held     Key = "held"     // MiB resident at the end (VmRSS)
	Recent   Key = "recent"   // milliseconds that it takes to tell what has changed
	List     Key = "list"     // milliseconds that a whole list takes
	Wake     Key = "wake"     // milliseconds from the dial of who wants a torrent to the first block
	Announce Key = "announce" // announces a minute
)

// Sample is what one run came to.
type Sample map[Key]float64

// Line is all runs of one client in one case.
type Line struct {
	Case    string   `json:"case,omitempty"`   // what is varied, in words
	X       float64  `json:"x,omitempty"`      // the same as a number, for a curve
	Client  string   `json:"client,omitempty"` // who was tested
	Samples []Sample `json:"samples,omitempty"`
	Note    string   `json:"note,omitempty"` // why there are no samples, or fewer
}

// Row is a table: what one row of the harness measured.
type Row struct {
	Name      string            `json:"name"`
	Date      string            `json:"date"` // of its end, like 2006-01-02
	Machine   string            `json:"machine"`
	Programs  map[string]string `json:"programs"`            // versions
	Title     string            `json:"title"`               // with the settings
	Columns   []Key             `json:"columns"`             // in this order
	Ratios    []Key             `json:"ratios,omitempty"`    // of these, against the reference
	Reference string            `json:"reference,omitempty"` // a client, or else a case
	Lines     []Line            `json:"lines"`
}

// Runs returns the number of runs that the lines have at most.
func (r *Row) Runs() int {
	runs := 0
	for i := range r.Lines {
		runs = max(runs, len(r.Lines[i].Samples))
	}
	return runs
}

// Median returns the middle of values, the mean of the two middle ones when they are even in number, and NaN of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(n-1)/2] + v[n/2]) / 2
}

// Median returns the median of one figure, NaN when no sample has it.
func (l *Line) Median(key Key) float64 {
	var values []float64
	for _, s := range l.Samples {
		if v, ok := s[key]; ok {
			values = append(values, v)
		}
	}
	return Median(values)
}

// Ratio returns a line's median over that of its reference: the line of the reference client in the same case, or
// the line of the same client in the reference case. NaN when there is none.
func (r *Row) Ratio(l *Line, key Key) float64 {
	for i := range r.Lines {
		o := &r.Lines[i]
		if o.Client == r.Reference && o.Case == l.Case || o.Case == r.Reference && o.Client == l.Client {
			return l.Median(key) / o.Median(key)
		}
	}
	return math.NaN()
}

// LeastTime returns the seconds that a swarm of one seed and several leechers needs at least: the seed has to send one
// copy, all together have to send a copy to each leecher, and then the last piece has to spread, doubling
// with each step. Sizes are in bytes, the limits of upload in bytes a second.
func LeastTime(size, piece, seed float64, leechers []float64) float64 {
	all := seed
	for _, up := range leechers {
		all += up
	}
	n := float64(len(leechers))
	return max(size/seed, n*size/all) + math.Log2(n)*piece*(n+1)/all
}

// Deviation returns the mean of values, and how far the worst of them is off it, in per cent of it. The latter is NaN when
// all are zero.
func Deviation(values []int64) (mean, worst float64) {
	for _, v := range values {
		mean += float64(v) / float64(len(values))
	}
	for _, v := range values {
		worst = max(worst, 100*math.Abs(float64(v)-mean)/mean) // NaN stays
	}
	return mean, worst
}

// Count is how many bytes an address had sent at a moment, in seconds.
type Count struct{ At, Bytes float64 }

// Worst returns how much was sent in the worst window, the shortest ones of at least ten seconds, over what the limit
// allows in it, in bytes a second. 0 when nothing was watched for that long.
func Worst(counts []Count, limit float64) float64 {
	const window = 10
	worst, j := 0.0, 0
	for _, from := range counts {
		for j < len(counts) && counts[j].At-from.At < window {
			j++
		}
		if j == len(counts) {
			break
		}
		worst = max(worst, (counts[j].Bytes-from.Bytes)/(counts[j].At-from.At)/limit)
	}
	return worst
}
