package main

import (
	"fmt"
	"strconv"
	"strings"

	"shoal/internal/text"
	"shoal/status"
)

const (
	// minPrefix is how many digits of an info hash name a torrent at least.
	minPrefix = 4
	// minDecimal is the same where all of them may be those of a number too: that of a torrent which is gone must not name another one.
	minDecimal = 8
)

// pick returns the torrents of a list that words name, in the order of the list and each once: numbers, ranges of numbers,
// beginnings of info hashes, or all. missing are the words that name none; err says that a word is none of these.
func pick(list []status.Entry, words []string) (picked []status.Entry, missing []error, err error) {
	chosen := make([]bool, len(list))
	for _, word := range words {
		found, err := pickOne(list, word)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 && word != "all" {
			missing = append(missing, fmt.Errorf("%s: %w; `shoal list` shows which there are", text.Clean(word, 64), status.ErrUnknown))
		}
		for _, i := range found {
			chosen[i] = true
		}
	}
	for i, yes := range chosen {
		if yes {
			picked = append(picked, list[i])
		}
	}
	return picked, missing, nil
}

// pickOne returns the indexes of the torrents that a word names.
func pickOne(list []status.Entry, word string) ([]int, error) {
	from, to, isRange := strings.Cut(word, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	isNumber := err1 == nil && !isRange
	if isNumber {
		last, err2 = first, nil
	}
	switch {
	case word == "all":
		return where(list, func(*status.Entry) bool { return true }), nil
	case err1 == nil && err2 == nil && first >= 0 && first <= last:
		found := where(list, func(e *status.Entry) bool { return e.Number >= first && e.Number <= last })
		if len(found) > 0 || isRange || len(word) < minDecimal {
			return found, nil
		}
	}
	prefix := strings.ToLower(word)
	if strings.Trim(prefix, "0123456789abcdef") != "" {
		return nil, withCode(exitUsage, fmt.Errorf("%q: name a torrent by its number or the beginning of its info hash; --filter finds it by its name", text.Clean(word, 64)))
	}
	if len(prefix) < minPrefix {
		return nil, withCode(exitUsage, fmt.Errorf("%q: give %d digits of an info hash at least", word, minPrefix))
	}
	found := where(list, func(e *status.Entry) bool {
		return strings.HasPrefix(e.ID.String(), prefix) || e.ID.HasV2() && strings.HasPrefix(e.ID.V2.String(), prefix)
	})
	if len(found) > 1 {
		return nil, withCode(exitUsage, fmt.Errorf("%s: the info hashes of %d torrents begin so; give more digits", word, len(found)))
	}
	return found, nil
}

// where lists the indexes of the torrents for which yes holds.
func where(list []status.Entry, yes func(*status.Entry) bool) (found []int) {
	for i := range list {
		if yes(&list[i]) {
			found = append(found, i)
		}
	}
	return found
}
