//go:build !race

package library

import "time"

const dayLong = 24 * time.Hour
