//go:build !race

package main

// raceDetector tells whether these tests run with it.
const raceDetector = false
