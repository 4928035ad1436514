package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size returns n bytes in SI units with two or three digits: "0 B", "950 B",
// "1.2 GB", "64 MB". Negative numbers keep their sign.
func Size(n int64) string { return size(n, 1000, "B", "kB", "MB", "GB", "TB", "PB", "EB") }

// SizeBinary returns n bytes in units of 1024: "1.2 GiB".
func SizeBinary(n int64) string { return size(n, 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB") }

// Rate returns bytes a second in SI units: "1.2 MB/s".
func Rate(n int64) string { return Size(n) + "/s" }

func size(n int64, step float64, units ...string) string {
	v, i := float64(n), 0
	// 999.5 would be printed as 1000 of the smaller unit.
	for math.Abs(v) >= 999.5 && i < len(units)-1 {
		v, i = v/step, i+1
	}
	if i > 0 && math.Abs(v) < 9.95 {
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.0f %s", v, units[i])
}

// factors are the units ParseSize knows, in lower case. As elsewhere in
// the program a bare letter is SI.
func factor(unit string) (float64, bool) {
	unit, binary := strings.CutSuffix(strings.TrimSuffix(unit, "b"), "i")
	step := 1000.0
	if binary {
		step = 1024
	}
	if unit == "" {
		return 1, !binary
	}
	i := strings.Index("kmgtp", unit)
	if i < 0 || len(unit) != 1 {
		return 0, false
	}
	return math.Pow(step, float64(i+1)), true
}

// ParseSize reads a number of bytes: "2MB", "2048KiB", "1.5 GiB", "700m", "0". Units
// are SI (k, M, G, T, P) or binary (Ki, Mi, ...), with or without B, in any
// case. The number may not be negative nor beyond an int64.
func ParseSize(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	end := 0
	for end < len(t) && (t[end] >= '0' && t[end] <= '9' || t[end] == '.') {
		end++
	}
	f, known := factor(strings.TrimSpace(t[end:]))
	v, err := strconv.ParseFloat(t[:end], 64)
	switch {
	case err != nil || !known:
		return 0, fmt.Errorf("%q is not a size: write a number with a unit, like 2MB or 2048KiB", Clean(s, 40))
	case v*f >= math.MaxInt64:
		return 0, fmt.Errorf("size %q is too large", Clean(s, 40))
	}
	return int64(math.Round(v * f)), nil
}

// ParseRate reads bytes a second: a size as ParseSize takes it, with or without
// "/s". "0" and "unlimited" give 0, which means no limit.
func ParseRate(s string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	if t == "unlimited" {
		return 0, nil
	}
	n, err := ParseSize(strings.TrimSuffix(t, "/s"))
	if err != nil {
		return 0, fmt.Errorf("%q is not a rate: write bytes a second with a unit, like 2MB or 2048KiB, or 0 for no limit", Clean(s, 40))
	}
	return n, nil
}

// Duration returns d in its two largest units: "12s", "3m52s", "2h05m", "4d11h".
// Negative durations mean unknown and give "-"; beyond 99 days it says ">99d".
func Duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < 0:
		return "-"
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	case s < 100*86400:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
	return ">99d"
}
