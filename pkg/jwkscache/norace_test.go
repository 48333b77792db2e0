//go:build !race

package jwkscache

const manyIssuers = 1000
