// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// Hash time locks for the chain's own coin.
///
/// The ABI is EtherSwap's: lock, both claims, refund, swaps, the events and the key of a swap. Stricter than it:
/// a zero amount, a zero claim address and a time lock that is not in the future are refused; a key is used once
/// for ever, so that what was seen settled stays settled; `Settled` names the key, because `Claim` and `Refund`
/// name only the hash, under which anybody can lock something small and take it back.
///
/// Invariants: the balance is at least the sum of the open swaps' amounts. The state of a key only grows:
/// None, Open, then Claimed or Refunded. It changes before the payment is made, so a receiver that calls back finds
/// the swap settled. Nobody owns the contract and nothing in it can be changed.
///
/// No immutables and no constructor: the runtime code, and with it its hash, is the same wherever it is deployed.
contract HashTimeLock {
    enum State {
        None,
        Open,
        Claimed,
        Refunded
    }

    /// Not a version of EtherSwap: those count from 1.
    uint8 public constant version = 101;

    /// keccak256(abi.encode(preimageHash, amount, claimAddress, refundAddress, timelock))
    mapping(bytes32 key => State) public states;

    event Lockup(
        bytes32 indexed preimageHash,
        uint256 amount,
        address indexed claimAddress,
        address indexed refundAddress,
        uint256 timelock
    );
    event Claim(bytes32 indexed preimageHash, bytes32 preimage);
    event Refund(bytes32 indexed preimageHash);
    /// Beside each Claim (claimed) and each Refund (not claimed): which swap it was.
    event Settled(bytes32 indexed key, bytes32 indexed preimageHash, bool claimed);

    error AmountZero();
    error ClaimAddressZero();
    error TimelockNotInFuture();
    error SwapAlreadyExists();
    error SwapNotFound();
    error SwapNotTimedOut();
    error TransferFailed();

    /// Lock msg.value for whoever knows the preimage of SHA-256, to be paid to claimAddress; from block `timelock`
    /// on the sender can have it back. A claim stays possible until then and after, as long as it is not refunded.
    function lock(bytes32 preimageHash, address claimAddress, uint256 timelock) external payable {
        require(msg.value != 0, AmountZero());
        require(claimAddress != address(0), ClaimAddressZero());
        require(timelock > block.number, TimelockNotInFuture());
        bytes32 key = hashValues(preimageHash, msg.value, claimAddress, msg.sender, timelock);
        require(states[key] == State.None, SwapAlreadyExists());
        states[key] = State.Open;
        emit Lockup(preimageHash, msg.value, claimAddress, msg.sender, timelock);
    }

    /// The claim of the recorded claim address itself.
    function claim(bytes32 preimage, uint256 amount, address refundAddress, uint256 timelock) external {
        claim(preimage, amount, msg.sender, refundAddress, timelock);
    }

    /// Anybody may call; the recorded claim address is paid.
    function claim(
        bytes32 preimage,
        uint256 amount,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public {
        bytes32 preimageHash = sha256(abi.encodePacked(preimage));
        bytes32 key = hashValues(preimageHash, amount, claimAddress, refundAddress, timelock);
        require(states[key] == State.Open, SwapNotFound());
        states[key] = State.Claimed;
        emit Claim(preimageHash, preimage);
        emit Settled(key, preimageHash, true);
        pay(claimAddress, amount);
    }

    /// The refund of the recorded refund address itself.
    function refund(bytes32 preimageHash, uint256 amount, address claimAddress, uint256 timelock) external {
        refund(preimageHash, amount, claimAddress, msg.sender, timelock);
    }

    /// Anybody may call; the recorded refund address is paid.
    function refund(
        bytes32 preimageHash,
        uint256 amount,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public {
        require(timelock <= block.number, SwapNotTimedOut());
        bytes32 key = hashValues(preimageHash, amount, claimAddress, refundAddress, timelock);
        require(states[key] == State.Open, SwapNotFound());
        states[key] = State.Refunded;
        emit Refund(preimageHash);
        emit Settled(key, preimageHash, false);
        pay(refundAddress, amount);
    }

    /// The swap is open: locked, and neither claimed nor refunded.
    function swaps(bytes32 key) external view returns (bool) {
        return states[key] == State.Open;
    }

    /// The key of a swap.
    function hashValues(
        bytes32 preimageHash,
        uint256 amount,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(preimageHash, amount, claimAddress, refundAddress, timelock));
    }

    function pay(address to, uint256 amount) private {
        (bool ok, ) = payable(to).call{value: amount}("");
        require(ok, TransferFailed());
    }
}
