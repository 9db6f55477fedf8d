import ApusPrimitives
import Testing
