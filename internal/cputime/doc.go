// Package cputime is the clock of tests that promise what something costs: what processors have worked for this process holds on a busy machine,
// where the clock on the wall also counts the work of others. It owns no state; any goroutine may ask it.
package cputime
