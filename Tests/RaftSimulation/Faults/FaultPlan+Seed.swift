import ApusPrimitives
import ApusRaft

extension FaultPlan {
    /// The plan of `seed`, always the same.
    public init(seed: UInt64) {
        self.init()
        var random = SeededRandom(seed: seed ^ 0x5EED_0F_FA17)
        voters = [1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7][random.below(12)]
        if random.oneIn(4) { learners = random.number(1...2) }
        safetyTime = UInt64(random.number(1_500...5_000)) * 1_000
        drawNetwork(&random)
        drawCrashesAndDisks(&random)
        drawClocksAndReads(&random)
        drawMembersAndLog(&random)
        drawOptions(&random)
    }

    private mutating func drawNetwork(_ random: inout SeededRandom) {
        if random.oneIn(2) { dropPerMille = [5, 20, 50, 150, 300][random.below(5)] }
        if random.oneIn(2) { doublePerMille = [10, 50, 200][random.below(3)] }
        delay = [100...300, 100...1_500, 500...10_000, 100...30_000][random.below(4)]
        if random.oneIn(2) {
            longDelayPerMille = [5, 30, 100][random.below(3)]
            longDelay = [50_000, 200_000, 1_000_000][random.below(3)]
        }
        keepsOrder = random.oneIn(3)
        if random.oneIn(2) {
            cutEvery = [100_000, 300_000, 1_000_000][random.below(3)]
            cutTime = [50_000, 200_000, 600_000][random.below(3)]
        }
    }

    private mutating func drawCrashesAndDisks(_ random: inout SeededRandom) {
        if random.oneIn(2) { crashEvery = [100_000, 300_000, 1_000_000][random.below(3)] }
        downTime = [5_000, 50_000, 300_000, 1_000_000][random.below(4)]
        if random.oneIn(3) { halfwayPerMille = [1, 5, 20][random.below(3)] }
        storeSurvives = random.oneIn(4)
        writeTime = [10...100, 50...1_000, 500...10_000, 1_000...40_000][random.below(4)]
        if random.oneIn(3) {
            stallPerMille = [2, 10, 50][random.below(3)]
            stallTime = [50_000, 300_000, 1_000_000][random.below(3)]
        }
        tearsWrites = random.oneIn(2)
        if random.oneIn(4) { diskErrorPerMille = [1, 5][random.below(2)] }
        if random.oneIn(5) {
            fullEvery = [300_000, 1_000_000][random.below(2)]
            fullTime = [50_000, 300_000, 1_000_000][random.below(3)]
        }
    }

    private mutating func drawClocksAndReads(_ random: inout SeededRandom) {
        if random.oneIn(2) { driftPerMille = [10, 50, 300][random.below(3)] }
        if random.oneIn(4) { jumpEvery = [200_000, 1_000_000][random.below(2)] }
        readPerMille = [200, 400, 700][random.below(3)]
        leaseReadPerMille = random.oneIn(2) ? [300, 1_000][random.below(2)] : 0
        clients = random.number(2...5)
        keys = random.number(1...3)
    }

    private mutating func drawMembersAndLog(_ random: inout SeededRandom) {
        if random.oneIn(2) { memberChangeEvery = [50_000, 150_000, 500_000][random.below(3)] }
        if random.oneIn(3) { coupEvery = [100_000, 300_000, 1_000_000][random.below(3)] }
        if random.oneIn(4) { transferEvery = [100_000, 400_000][random.below(2)] }
        if random.oneIn(2) {
            snapshotEntries = [5, 20, 60][random.below(3)]
            snapshotPadding = [0, 300, 2_000][random.below(3)]
        }
        if random.oneIn(3) { loadEvery = [5_000, 20_000, 100_000][random.below(3)] }
        if random.oneIn(2) { batchPerMille = [50, 300, 800][random.below(3)] }
    }

    private mutating func drawOptions(_ random: inout SeededRandom) {
        options.heartbeatTicks = random.number(1...3)
        options.preVote = !random.oneIn(3)
        options.checkQuorum = !random.oneIn(3)
        options.maximumMessageBytes = [1, 200, 1_000, 4_096, 1 << 20][random.below(5)]
        options.maximumInflightMessages = [1, 2, 8, 256][random.below(4)]
        options.maximumInflightBytes = [500, 4_096, 1 << 20][random.below(3)]
        options.maximumUncommittedBytes = [1_000, 10_000, 1 << 20][random.below(3)]
        options.maximumUnappliedBytes = [300, 4_096, 1 << 20][random.below(3)]
        options.trailingEntries = [0, 3, 20, 100][random.below(4)]
        options.snapshotChunkBytes = [64, 200, 1_000, 1 << 20][random.below(4)]
        options.trailingBytes = [0, 300, 2_000, 1 << 20][random.below(4)]
        // A lease is a promise about time: it needs clocks that agree. Without check-quorum nobody promises anything, and a
        // read by lease has to be one by quorum.
        if leaseReadPerMille > 0, options.checkQuorum {
            driftPerMille = min(driftPerMille, 80)
            jumpEvery = nil
        }
    }

    /// The same plan without one kind of trouble.
    public func without(_ fault: Fault) -> FaultPlan {
        var plan = self
        switch fault {
        case .drops: plan.dropPerMille = 0
        case .doubles: plan.doublePerMille = 0
        case .delays: plan.longDelayPerMille = 0
        case .reordering: plan.keepsOrder = true
        case .cuts: plan.cutEvery = nil
        case .crashes: plan.crashEvery = nil
        case .halfway: plan.halfwayPerMille = 0
        case .tornWrites: plan.tearsWrites = false
        case .stalls: plan.stallPerMille = 0
        case .diskErrors: plan.diskErrorPerMille = 0
        case .fullDisks: plan.fullEvery = nil
        case .drift: plan.driftPerMille = 0
        case .jumps: plan.jumpEvery = nil
        case .memberChanges: plan.memberChangeEvery = nil
        case .transfers: plan.transferEvery = nil
        case .coups: plan.coupEvery = nil
        case .snapshots: plan.snapshotEntries = 0
        case .leaseReads: plan.leaseReadPerMille = 0
        case .batching: plan.batchPerMille = 0
        }
        return plan
    }
}
