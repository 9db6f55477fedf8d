import ApusResilience
import Testing

@Suite struct RequestPriorityTests {
    @Test func whatMattersMoreIsGreater() {
        #expect(RequestPriority.allCases.sorted() == [.sheddable, .background, .normal, .critical])
    }

    @Test func itIsNormalUntilSomebodySaysOtherwise() async {
        #expect(RequestPriority.current == .normal)
    }

    @Test func itFollowsTheTreeOfTasks() async {
        await RequestPriority.$current.withValue(.critical) {
            async let child = RequestPriority.current
            #expect(await child == .critical)
        }
    }

    @Test(arguments: RequestPriority.allCases) func itTravelsByItsName(priority: RequestPriority) {
        #expect(RequestPriority(headerValue: priority.headerValue) == priority)
        #expect(RequestPriority.headerName == "apus-priority")
    }

    @Test(arguments: ["", "Normal", " normal", "normal ", "3", "high", "critical,normal"])
    func anythingElseInTheHeaderIsNoPriority(value: String) {
        #expect(RequestPriority(headerValue: value) == nil)
    }
}
