package status

import "math"

// Ratio relates what was sent to what was received, or to what is there if that is more: so data that was there from the start counts like data
// that was downloaded. All are bytes. It is +Inf where something was sent of nothing, and -1 where nothing was.
func Ratio(have, down, up int64) float64 {
	switch base := max(have, down); {
	case base > 0:
		return float64(max(up, 0)) / float64(base)
	case up > 0:
		return math.Inf(1)
	}
	return -1
}

// ShareRatio is that of the torrent; where goals of seeding are looked at, everything wanted is there.
func (t *Torrent) ShareRatio() float64 { return Ratio(t.Have, t.DownTotal, t.UpTotal) }
