package text

import (
	"fmt"
	"math"
)

// Count puts a number before its noun: "1 torrent", "0 torrents". A plural that is more than an s at the end is handed in.
func Count(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Short is a count in at most four cells, for columns: "999", "1.2k", "12k", "1.2M". What is below nothing is nothing.
func Short(n int) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprint(max(n, 0))
	}
	v, i := float64(n)/1000, 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f%c", v, units[i])
	}
	return fmt.Sprintf("%.0f%c", v, units[i])
}

// Ratio is a ratio in at most five cells: "0.25", "150.3", "12345". Beyond that it says ">99k"; of what is no number, or less than none, "0.00".
func Ratio(r float64) string {
	switch {
	case math.IsNaN(r) || r <= 0:
		return "0.00"
	case r < 99.995:
		return fmt.Sprintf("%.2f", r)
	case r < 999.95:
		return fmt.Sprintf("%.1f", r)
	case r < 99999.5:
		return fmt.Sprintf("%.0f", r)
	}
	return ">99k"
}
