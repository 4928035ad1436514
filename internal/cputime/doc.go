// Package cputime is for tests that promise what something costs: what processors have worked for this process holds on a busy machine, where the
// clock on the wall also counts the work of others.
package cputime
