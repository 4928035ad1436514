package main

// open are rows of issue B whose tests are still to be written. A row of issue A may not stand
// here, and a row with a test must not. When B is done the list is empty.
var open = []string{}
